//! Notifications of the person's desktop, through the program that every desktop has for it.

use std::time::Duration;

use convoy_core::id::DeliveryId;
use convoy_core::notice::NoticeKind;
use convoy_core::view::NoticeView;

use super::Failed;
use super::command::{Mark, environment, run};
use crate::world::World;

/// The program.
pub(crate) const PROGRAM: &str = "notify-send";
/// What it needs to find the desktop.
const ENV: [&str; 4] = ["DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR"];
/// How much of the text is shown; the whole is in the mailbox.
const BODY_CHARS_MAX: usize = 1000;
/// How much of the subject is.
const SUBJECT_CHARS_MAX: usize = 200;

pub(super) fn show(
    world: &World,
    delivery: &DeliveryId,
    notice: &NoticeView,
    limit: Duration,
) -> Result<(), Failed> {
    let mut env = environment(world);
    for name in ENV {
        if let Some(value) = world.env.text(name) {
            env.insert(name.to_owned(), value.to_owned());
        }
    }
    let mark = Mark { delivery, notice: &notice.id };
    run(&world.workspace, &argv(notice), env, &[], &mark, limit)
}

/// The subject is shown as it is. The text is read as markup, and before that a backslash begins an escape.
fn argv(notice: &NoticeView) -> Vec<String> {
    let urgency = match notice.kind {
        NoticeKind::NeedsHuman | NoticeKind::Witness | NoticeKind::BudgetExceeded => "critical",
        NoticeKind::ConvoyLanded
        | NoticeKind::ConvoyAbandoned
        | NoticeKind::BudgetWarning
        | NoticeKind::Escalated
        | NoticeKind::Message => "normal",
    };
    let words = [PROGRAM, "--app-name=Convoy", &format!("--urgency={urgency}"), "--"];
    let mut words: Vec<String> = words.map(str::to_owned).into();
    let subject: String = notice.subject.chars().take(SUBJECT_CHARS_MAX).collect();
    words.push(plain(&subject).replace('\n', " "));
    // The first line of an automatic notice says what the subject says.
    let text = notice.body.strip_prefix(&format!("🚚 {}\n", notice.subject)).unwrap_or(&notice.body);
    let text: String = text.trim().chars().take(BODY_CHARS_MAX).collect();
    words.push(
        plain(&text).replace('\\', "\\\\").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
    );
    words
}

/// Without control characters; a zero could not be part of an argument at all.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_two_plain_arguments() {
        let notice = NoticeView {
            id: "n-1".parse().unwrap(),
            to: "overseer".into(),
            from: "convoy".into(),
            kind: NoticeKind::NeedsHuman,
            subject: "--help $(rm)\u{0}\u{1b}[31m".into(),
            body: "<b>&\\n\u{0}\nsecond".into(),
            convoy_id: None,
            landing_epoch: None,
            created_at: convoy_core::time::Time::default(),
            read_at: None,
            archived_at: None,
        };
        let argv = argv(&notice);
        assert_eq!(argv[2..4], ["--urgency=critical", "--"]);
        assert_eq!(argv[4], "--help $(rm)  [31m");
        assert_eq!(argv[5], "&lt;b&gt;&amp;\\\\n \nsecond");
        assert_eq!(argv.len(), 6);
    }
}
