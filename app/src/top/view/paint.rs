//! Styles by what they mean.

use ratatui_core::style::{Color, Modifier, Style};

use super::super::data::Need;

/// How pictures are painted: with colour, or by weight alone.
#[derive(Clone, Copy, Debug)]
pub(in crate::top) struct Paint {
    pub(in crate::top) color: bool,
}

impl Paint {
    fn of(self, color: Color) -> Style {
        if self.color { Style::new().fg(color) } else { Style::new() }
    }
    /// Well done.
    pub(super) fn good(self) -> Style {
        self.of(Color::Green)
    }
    /// Under way.
    pub(super) fn busy(self) -> Style {
        self.of(Color::Yellow)
    }
    /// Wants attention.
    pub(super) fn bad(self) -> Style {
        self.of(Color::Red).add_modifier(Modifier::BOLD)
    }
    /// Names and the part that has the keys.
    pub(super) fn accent(self) -> Style {
        self.of(Color::Cyan)
    }
    /// Of lesser interest.
    pub(super) fn faint(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }
    /// Important words.
    pub(super) fn bold(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }
    /// The selected row of the part that has the keys.
    pub(super) fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
    /// How urgently something needs a person.
    pub(super) fn need(self, need: Need) -> Style {
        match need {
            Need::Person => self.bad(),
            Need::Look => self.busy(),
            Need::Nothing => Style::new(),
        }
    }
}
