//! Charts as SVG: drawn here, without any script, and each with its figures in words beside it or in it.

use maud::{Markup, html};

use super::parts::tone_of;

/// The parts of a bar, from its foot: the class, and what it means.
pub(super) const PARTS: [(&str, &str); 4] = [
    ("reported", "reported"),
    ("estimated", "estimated"),
    ("own", "self-reported"),
    ("carried", "from elsewhere"),
];
/// The size of a chart, in units of its own.
const WIDTH: usize = 600;
const HEIGHT: usize = 120;
/// How wide a bar is at most.
const BAR_MAX: usize = 40;

/// A bar.
pub(super) struct Bar {
    /// What stands below it.
    pub(super) label: String,
    /// How much of each part.
    pub(super) parts: [i64; 4],
    /// What it says.
    pub(super) said: String,
}

impl Bar {
    fn whole(&self) -> i64 {
        self.parts.iter().sum()
    }
}

/// Bars side by side, the first and the last of them labelled below.
pub(super) fn columns(label: &str, bars: &[Bar]) -> Markup {
    let most = bars.iter().map(Bar::whole).max().unwrap_or(0).max(1);
    let place = WIDTH / bars.len().max(1);
    let width = (place * 4 / 5).clamp(1, BAR_MAX);
    let summary = bars.iter().filter(|bar| bar.whole() > 0).map(|bar| bar.said.as_str()).collect::<Vec<_>>();
    let summary = if summary.is_empty() { "nothing".to_owned() } else { summary.join("; ") };
    html! {
        figure.chart {
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label={ (label) ": " (summary) } {
                line.foot x1="0" y1=(HEIGHT - 1) x2=(WIDTH) y2=(HEIGHT - 1) {}
                @for (n, bar) in bars.iter().enumerate() {
                    g {
                        title { (bar.said) }
                        rect.hold x=(n * place) y="0" width=(place) height=(HEIGHT) {}
                        @for (class, y, height) in stack(bar, most) {
                            rect class=(class) x=(n * place + (place - width) / 2) y=(y) width=(width) height=(height) {}
                        }
                    }
                }
            }
            figcaption.ends {
                @if let [first, .., last] = bars { span.num { (first.label) } span.num { (last.label) } }
                @else if let [only] = bars { span.num { (only.label) } }
            }
        }
    }
}

/// Where the parts of a bar are drawn, from its foot up. What costs anything is seen.
fn stack(bar: &Bar, most: i64) -> Vec<(&'static str, usize, usize)> {
    let room = HEIGHT - 6;
    let mut y = HEIGHT - 1;
    let mut drawn = Vec::new();
    for ((class, _), amount) in PARTS.iter().zip(bar.parts).filter(|(_, amount)| *amount > 0) {
        let height = scaled(amount, most, room).max(2).min(y);
        y -= height;
        drawn.push((*class, y, height));
    }
    drawn
}

/// How long something is, drawn in so much room.
fn scaled(amount: i64, most: i64, room: usize) -> usize {
    let length = i128::from(amount.max(0)) * room as i128 / i128::from(most.max(1));
    usize::try_from(length).unwrap_or(0).min(room)
}

/// A bar as long as a line is a part of the dearest, and its share of the whole.
pub(super) fn share(parts: [i64; 4], most: i64, share: f64) -> Markup {
    let mut x = 0;
    let drawn: Vec<(&str, usize, usize)> = PARTS
        .iter()
        .zip(parts)
        .filter(|(_, amount)| *amount > 0)
        .map(|((class, _), amount)| {
            let width = scaled(amount, most, 100).max(1);
            x += width;
            (*class, x - width, width)
        })
        .collect();
    html! {
        span.share {
            svg.bar viewBox="0 0 104 8" preserveAspectRatio="none" width="104" height="8" aria-hidden="true" {
                @for (class, x, width) in drawn { rect class=(class) x=(x) y="0" width=(width) height="8" {} }
            }
            span.num { (format!("{:.0}", share * 100.0)) " %" }
        }
    }
}

/// What of a limit is spent, and promised besides.
pub(super) fn used(spent: i64, promised: i64, limit: i64, percent: Option<i64>) -> Markup {
    let spent_width = scaled(spent, limit, 100);
    let promised_width = scaled(promised, limit, 100 - spent_width);
    let tone = tone_of(percent.unwrap_or(0));
    let said = format!("{} % spent, {} % promised", percent.unwrap_or(0), scaled(promised, limit, 100));
    html! {
        span class={ "meter " (tone) } title=(said) {
            svg viewBox="0 0 100 6" preserveAspectRatio="none" width="110" height="7" role="img" aria-label=(said) {
                rect.rest width="100" height="6" {}
                rect.part width=(spent_width) height="6" {}
                rect.promised x=(spent_width) width=(promised_width) height="6" {}
            }
            span.num { (percent.unwrap_or(0)) " %" }
        }
    }
}

/// The colour of a part, for the legend.
pub(super) fn key(class: &str) -> Markup {
    html! { svg.key viewBox="0 0 10 10" width="10" height="10" aria-hidden="true" { rect class=(class) width="10" height="10" {} } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stay_within_the_chart_and_what_costs_anything_is_seen() {
        for parts in [[1, 0, 0, 0], [1_000_000, 1, 1, 1], [0; 4], [i64::MAX / 4; 4]] {
            let bar = Bar { label: "d".into(), parts, said: "s".into() };
            let drawn = stack(&bar, bar.whole().max(1));
            assert_eq!(drawn.len(), parts.iter().filter(|part| **part > 0).count());
            for (_, y, height) in drawn {
                assert!(height > 0 && y + height < HEIGHT, "{parts:?}: {y} {height}");
            }
        }
        assert!(columns("Costs", &[]).into_string().contains("nothing"));
    }
}
