//! `extends`: what a template takes over from another, and what it changes of it.
//!
//! A role of the same name is replaced key by key, `remove` drops roles, `config` merges. A template that extends its own
//! name extends the one of that name that it hides: the user's or the built-in one.

use std::sync::Arc;

use convoy_core::id::TemplateName;

use super::file::{self, Config, Role, TemplateFile};
use super::folders::{Folders, Found};
use super::problem::{At, Error, Problem, Source, Spot};

/// How many templates one may rest on, one upon the other.
pub const EXTENDS_MAX: usize = 5;

/// A template with all that it inherits.
#[derive(Clone, Debug)]
pub struct Template {
    /// Its name.
    pub name: TemplateName,
    /// It in a line.
    pub description: String,
    /// Where it comes from.
    pub source: Arc<Source>,
    /// Where what it rests on comes from, the nearest first.
    pub extends: Vec<Arc<Source>>,
    /// Its roles, in their order.
    pub roles: Vec<Role>,
    /// What holds for all of them.
    pub config: Config,
}

/// Reads a file and everything that it rests on.
pub(super) fn resolve(folders: &Folders, found: &Found) -> Result<Template, Error> {
    let mut chain: Vec<TemplateFile> = Vec::new();
    let mut problems = Vec::new();
    let mut lost = false;
    let mut next = Some(found.clone());
    while let Some(found) = next.take() {
        let text = found.text().map_err(|problem| Error::Invalid(vec![problem]))?;
        let (mut file, wrong) = file::read(&found.source, &text, found.format);
        problems.extend(wrong);
        let extends = file.extends.take();
        chain.push(file);
        if let Some(extends) = extends {
            match base(folders, &found, &extends, &chain) {
                Ok(base) => next = Some(base),
                Err(problem) => {
                    lost = true;
                    problems.push(problem);
                }
            }
        }
    }
    let template = merged(chain, lost, &mut problems);
    match template.filter(|_| problems.is_empty()) {
        Some(template) => Ok(template),
        None => Err(Error::Invalid(problems)),
    }
}

/// The file that another one extends.
fn base(
    folders: &Folders,
    found: &Found,
    extends: &Spot<TemplateName>,
    chain: &[TemplateFile],
) -> Result<Found, Problem> {
    let wanted = extends.value.as_str();
    let all = folders.templates.get(wanted).map(Vec::as_slice).unwrap_or_default();
    let own = wanted == found.source.name;
    let base = match own {
        // What it hides.
        true => all.iter().rev().find(|base| base.source.layer < found.source.layer),
        false => all.last(),
    };
    let Some(base) = base else {
        return Err(match own {
            true => extends.at.problem(format!("it extends itself: {wanted} → {wanted}")),
            false => {
                let known = folders.templates.keys().map(String::as_str);
                let problem = extends.at.problem(format!("there is no template {wanted:?}"));
                let fix = "see every template: convoy template list";
                let problem = problem.meant(wanted, known);
                if problem.fix.is_none() { problem.fix(fix) } else { problem }
            }
        });
    };
    if let Some(start) = chain.iter().position(|file| file.source == base.source) {
        let mut path: Vec<&str> = chain[start..].iter().map(|file| file.source.name.as_str()).collect();
        path.push(wanted);
        let problem =
            extends.at.problem(format!("templates extend each other in a circle: {}", path.join(" → ")));
        return Err(problem.fix("remove one 'extends'"));
    }
    if chain.len() > EXTENDS_MAX {
        let path: Vec<&str> = chain.iter().map(|file| file.source.name.as_str()).collect();
        let what = format!("it rests on more than {EXTENDS_MAX} templates: {} → {wanted}", path.join(" → "));
        return Err(extends.at.problem(what));
    }
    Ok(base.clone())
}

/// From the bottom of the chain to its top. It is lost if its end was not found.
fn merged(chain: Vec<TemplateFile>, lost: bool, problems: &mut Vec<Problem>) -> Option<Template> {
    let sources: Vec<Arc<Source>> = chain.iter().map(|file| file.source.clone()).collect();
    let top = chain.first()?;
    let source = top.source.clone();
    let whole = At { line: Some(1), ..At::file(&source) };
    // A name of the wrong form was told already.
    let told = problems.iter().any(|problem| problem.at.source == source && problem.at.key == "name");
    let broken = top.broken;
    if top.name.is_none() && !told && !broken {
        problems.push(whole.problem("the name is missing").fix(format!("add name = \"{}\"", source.name)));
    }
    if let Some(name) = top.name.as_ref().filter(|name| name.value.as_str() != source.name) {
        let what = format!("the name is {:?}, and the file is called {:?}", name.value.as_str(), source.name);
        problems
            .push(name.at.problem(what).fix("make them the same: a template is found by its file's name"));
    }
    let name = top.name.as_ref().map(|name| name.value.clone());
    let mut description = None;
    let mut roles: Vec<Role> = Vec::new();
    let mut config = Config::default();
    for file in chain.into_iter().rev() {
        description = file.description.filter(|text| !text.trim().is_empty()).or(description);
        config = over(file.config, config);
        remove(&file.remove, &mut roles, problems);
        let mut own: Vec<Role> = Vec::new();
        for role in file.roles {
            if let Some(first) = own.iter().find(|one| one.role.value == role.role.value) {
                let what = format!("there are two roles {:?}", role.role.value.as_str());
                let line = first.role.at.line.map(|line| format!(" in line {line}")).unwrap_or_default();
                problems.push(
                    role.role
                        .at
                        .problem(what)
                        .fix(format!("rename one; the first is {}{line}", first.role.at.key)),
                );
                continue;
            }
            own.push(role);
        }
        for role in own {
            match roles.iter_mut().find(|one| one.role.value == role.role.value) {
                Some(one) => replace(one, role),
                None => roles.push(role),
            }
        }
    }
    if description.is_none() && !broken && !lost {
        let what = "the description is missing";
        problems.push(whole.problem(what).fix("add description = \"…\" that says what it is for"));
    }
    let extends = sources[1..].to_vec();
    Some(Template {
        name: name?,
        description: description?.trim().to_owned(),
        source,
        extends,
        roles,
        config,
    })
}

/// Drops roles, and them from what others depend on.
fn remove(names: &[Spot<convoy_core::id::RoleName>], roles: &mut Vec<Role>, problems: &mut Vec<Problem>) {
    for name in names {
        let before = roles.len();
        roles.retain(|role| role.role.value != name.value);
        if roles.len() == before {
            let known: Vec<&str> = roles.iter().map(|role| role.role.value.as_str()).collect();
            let what = format!("there is no role {:?} to remove", name.value.as_str());
            let problem = name.at.problem(what).meant(name.value.as_str(), known.iter().copied());
            let fix = format!("the roles that it inherits: {}", known.join(", "));
            problems.push(if problem.fix.is_none() { problem.fix(fix) } else { problem });
        }
        for role in roles.iter_mut() {
            if let Some(all) = &mut role.depends_on {
                all.retain(|one| one.value != name.value);
            }
        }
    }
}

/// Key by key. What is wrong with the whole is said where it was changed.
fn replace(base: &mut Role, role: Role) {
    base.role = role.role;
    base.subagent = role.subagent.or(base.subagent.take());
    base.parallel = role.parallel.or(base.parallel);
    base.per_issue |= role.per_issue;
    base.depends_on = role.depends_on.or(base.depends_on.take());
    base.params.extend(role.params);
    base.model = role.model.or(base.model.take());
    base.agent = role.agent.or(base.agent.take());
    base.timeout = role.timeout.or(base.timeout);
    base.max_attempts = role.max_attempts.or(base.max_attempts);
}

fn over(config: Config, base: Config) -> Config {
    Config {
        output_dir: config.output_dir.or(base.output_dir),
        max_parallel: config.max_parallel.or(base.max_parallel),
        timeout: config.timeout.or(base.timeout),
        synthesis: config.synthesis.or(base.synthesis),
        on_failure: config.on_failure.or(base.on_failure),
    }
}
