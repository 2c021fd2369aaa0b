//! What the supervisor of a role is told: the rendered prompt or command, the confinement, and the limits.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use convoy_core::template::Runner;

use super::super::follow;
use super::super::job::Supervise;
use super::super::role::{self, Role};
use super::context::{self, Places};
use super::{files, prompt, publish};
use crate::agent::{Asked, Output, writable};
use crate::explain;
use crate::hooks;
use crate::output;
use crate::runtime::Runtime;
use crate::supervisor::files::SessionDir;
use crate::supervisor::spec::{Confine, PromptVia, Spec, default_ladder};
use crate::templates::{self, PromptContext};
use crate::world::World;

/// How much of what a program prints is read as its report.
pub(super) const STDOUT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// What programs may write beside their own folders: what they keep for the next time.
const PROGRAMS_WRITE: [&str; 1] = ["~/.cache/"];
/// Where programs keep what they would else keep in the folder that they look at: variable, and the place below their
/// folder for what they need meanwhile.
const CACHES: [(&str, &str); 6] = [
    ("CARGO_TARGET_DIR", "cargo"),
    ("RUFF_CACHE_DIR", "ruff"),
    ("MYPY_CACHE_DIR", "mypy"),
    ("PYTHONPYCACHEPREFIX", "python"),
    ("SEMGREP_SETTINGS_FILE", "semgrep.yml"),
    ("SEMGREP_LOG_FILE", "semgrep.log"),
];
/// The argument of a program that becomes one for each file.
const FILES: &str = "files";

/// Writes the specification and the prompt, and makes the folders that the agent may write in.
pub(in crate::executor) fn write_spec(
    world: &World,
    job: &Supervise,
    role: &Role,
    dir: &SessionDir,
) -> Result<(), String> {
    let folder = role::folder(world, &role.run, &role.convoy);
    let staging = publish::staging(&folder, &job.session);
    let temporary = publish::temporary(&folder, &job.session);
    for made in [&staging, &temporary] {
        files::fresh(made).map_err(|error| format!("{}: {error}", made.display()))?;
    }
    // The kernel's rules go by real places.
    let real = |path: &Path| path.canonicalize().map_err(|error| format!("{}: {error}", path.display()));
    let (staging, temporary) = (real(&staging)?, real(&temporary)?);
    let places = Places { staging: &staging, folder: &folder };
    let used = used(job, role)?;
    let context = context::context(world, job, role, &places, &used)?;
    let mut begun = begin(world, job, role, dir, &context, &folder)?;
    surround(&mut begun.env, role, &context, &temporary);
    begun.write.extend([staging.clone(), temporary]);
    begun.write.extend(dir.signal_file().parent().map(Path::to_owned));
    let common = follow::specification(world, job, begun.output, begun.runtime)?;
    let mut limits = common.limits;
    if let Some(timeout) = role.step.timeout {
        limits.wall_ms = u64::try_from(timeout.as_millis()).ok().filter(|ms| *ms > 0);
    }
    let spec = Spec {
        argv: begun.argv,
        env: begun.env,
        prompt: begun.via,
        translator: begun.output,
        asked: begun.asked,
        limits,
        stop: begun.stop,
        confine: Some(Confine { program: world.program.clone(), write: begun.write }),
        stdout_bytes: begun.stdout_bytes,
        ..common
    };
    dir.create_with(&spec, &begun.prompt, begun.mcp.as_deref()).map_err(|error| explain(&error))
}

/// What differs between an agent, a program and nobody.
struct Begun {
    argv: Vec<String>,
    env: BTreeMap<String, String>,
    via: PromptVia,
    prompt: String,
    output: Output,
    asked: Asked,
    stop: Vec<crate::supervisor::spec::Step>,
    runtime: Option<Runtime>,
    write: Vec<PathBuf>,
    stdout_bytes: Option<u64>,
    /// The file of the worker's tools.
    mcp: Option<String>,
}

/// The names that its templates use.
fn used(job: &Supervise, role: &Role) -> Result<BTreeSet<String>, String> {
    let mut all: Vec<&str> = vec![&job.body];
    if let Runner::Program { command, .. } = &role.step.runner {
        all.extend(command.iter().map(String::as_str));
    }
    let mut used = BTreeSet::new();
    for template in all {
        used.extend(templates::variables(template).map_err(|error| format!("its prompt: {error}"))?);
    }
    Ok(used)
}

fn begin(
    world: &World,
    job: &Supervise,
    role: &Role,
    dir: &SessionDir,
    context: &PromptContext,
    folder: &Path,
) -> Result<Begun, String> {
    let rendered = || templates::render(&job.body, context).map_err(|error| format!("its prompt: {error}"));
    match &role.step.runner {
        Runner::Agent { tools, permission_mode, .. } => {
            let settings = world.settings();
            let preset = settings.presets.get(job.agent.as_str()).map_err(|error| explain(&error))?;
            let env = follow::environment(world, job, preset.environment(&world.env), dir);
            // Confined, it can still speak to its supervisor: that is a connection, and no writing.
            let given = follow::tools(&settings, world, preset, dir, &env)?;
            let tools = match given.arguments.is_empty() {
                true => tools.clone(),
                false => preset.mcp.allowing(tools.as_deref()),
            };
            let earlier = job.conversation.as_ref();
            let conversation = earlier.and_then(|earlier| preset.conversation(&earlier.id, &env));
            let mut more = preset.role_arguments(tools.as_deref(), permission_mode.as_deref());
            more.extend(given.arguments);
            let argv = preset.argv_with(job.model.as_deref(), conversation.as_ref(), &dir.prompt(), &more);
            let mut argv = preset.native(argv, &world.env);
            if argv.is_empty() {
                return Err(format!("agent {0} has no command; set agents.{0}.command", job.agent));
            }
            argv.extend(preset.hooks.arguments(&world.program, &argv));
            // One that was only interrupted goes on with what it is asked; one whose report was no good mends that.
            let mends = role.mends.as_ref().filter(|_| conversation.is_some());
            let prompt = match mends {
                Some(last) => {
                    let left = publish::staging(folder, last);
                    prompt::mend(context, &job.workdir, &job.lessons, &left.to_string_lossy())
                }
                None => {
                    let told = !preset.tools_arg.is_empty();
                    let printed = |session: &_| output::tail(&world.workspace, session);
                    prompt::agent(
                        &rendered()?,
                        &role.step,
                        context,
                        &job.workdir,
                        told,
                        &job.lessons,
                        printed,
                    )
                }
            };
            let write = writable::paths(&preset.writable, &env);
            Ok(Begun {
                argv,
                via: preset.prompt,
                prompt,
                output: preset.output,
                asked: Asked {
                    model: job.model.clone(),
                    used: conversation.map(|conversation| conversation.used).unwrap_or_default(),
                },
                stop: preset.stop.clone(),
                runtime: preset.runtime,
                write,
                stdout_bytes: None,
                mcp: given.file,
                env,
            })
        }
        Runner::Program { command, .. } => {
            let argv = arguments(command, context)?;
            Ok(plain(world, job, dir, argv, rendered()?))
        }
        // A program that everybody has, which says what it is told.
        Runner::Nobody => Ok(plain(world, job, dir, vec!["cat".to_owned()], rendered()?)),
    }
}

fn plain(world: &World, job: &Supervise, dir: &SessionDir, argv: Vec<String>, prompt: String) -> Begun {
    let env = hooks::plain(&world.settings().presets, &world.env);
    let env = follow::environment(world, job, env, dir);
    Begun {
        argv,
        via: PromptVia::Stdin,
        prompt,
        output: Output::Plain,
        asked: Asked::default(),
        stop: default_ladder(),
        runtime: Some(Runtime::Headless),
        write: writable::paths(&PROGRAMS_WRITE.map(str::to_owned), &env),
        stdout_bytes: Some(STDOUT_BYTES_MAX),
        mcp: None,
        env,
    }
}

/// The arguments of a program. One that is nothing but the files becomes one for each.
fn arguments(command: &[String], context: &PromptContext) -> Result<Vec<String>, String> {
    let mut all = Vec::with_capacity(command.len());
    for word in command {
        let inner = word.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
        if inner.is_some_and(|inner| inner.trim() == FILES) {
            // A name must not be taken for an option.
            let named =
                |file: &String| if file.starts_with('-') { format!("./{file}") } else { file.clone() };
            all.extend(context.files.iter().map(named));
            continue;
        }
        let text =
            templates::render(word, context).map_err(|error| format!("its argument {word:?}: {error}"))?;
        if text.contains('\0') {
            return Err(format!("its argument {word:?} would have a zero byte in it"));
        }
        all.push(text);
    }
    match all.first().map(String::as_str) {
        None | Some("") => Err("its command is empty".to_owned()),
        Some(_) => Ok(all),
    }
}

/// What a role's environment has beside an ordinary agent's.
fn surround(env: &mut BTreeMap<String, String>, role: &Role, context: &PromptContext, temporary: &Path) {
    let mut set = |name: &str, value: &str| drop(env.insert(name.to_owned(), value.to_owned()));
    set("CONVOY_ROLE", role.step.role.as_str());
    set("CONVOY_OUTPUT_FILE", &context.output_file);
    set("CONVOY_OUTPUT_DIR", &context.output_dir);
    // Looking at a repository would else write into it.
    set("GIT_OPTIONAL_LOCKS", "0");
    let place = temporary.to_string_lossy();
    for name in ["TMPDIR", "TMP", "TEMP", "CLAUDE_CODE_TMPDIR"] {
        set(name, &place);
    }
    for (name, below) in CACHES {
        set(name, &temporary.join(below).to_string_lossy());
    }
}
