//! What waits for what, drawn: boxes in columns, each to the right of everything that it needs. The same input gives the
//! same picture. What needs nothing and is needed by nothing stands in rows below.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::parts::Tone;
use crate::text;

/// The most boxes; of more there is only the list.
pub(super) const NODES_MAX: usize = 200;
/// The most places that lines are led through; of more they go straight.
const BENDS_MAX: usize = 1000;
/// How often columns are put in a better order.
const SWEEPS: usize = 4;
/// The size of a box, and the space between two, in pixels.
const WIDE: usize = 208;
const HIGH: usize = 44;
const ACROSS: usize = 44;
const BELOW: usize = 14;
/// How many boxes stand in a row of those that stand alone.
const ALONE: usize = 4;
/// How much of its texts a box shows, in characters.
const LABEL_CHARS: usize = 23;
const OF_CHARS: usize = 28;

/// A box.
pub(super) struct Node {
    /// What it is.
    pub(super) label: String,
    /// More about it, such as its id.
    pub(super) of: String,
    /// Where it leads.
    pub(super) to: String,
    /// Its state: sign, colour, word.
    pub(super) sign: &'static str,
    pub(super) tone: Tone,
    pub(super) state: String,
    /// What it needs: places in the list.
    pub(super) needs: Vec<usize>,
}

/// Where everything stands.
#[derive(PartialEq, Debug)]
struct Plan {
    /// Of each box, its upper left corner.
    at: Vec<(usize, usize)>,
    /// Each line: the points that it goes through, from what is needed to what needs it.
    lines: Vec<Vec<(usize, usize)>>,
    wide: usize,
    high: usize,
}

/// The picture, in a box of its own that scrolls; nothing if there are too many boxes.
pub(super) fn graph(label: &str, nodes: &[Node]) -> Markup {
    if nodes.is_empty() || nodes.len() > NODES_MAX {
        return html! {};
    }
    let needs: Vec<Vec<usize>> = nodes.iter().map(|node| node.needs.clone()).collect();
    let plan = plan(&needs);
    html! {
        figure.graph tabindex="0" role="group" aria-label=(label) {
            svg width=(plan.wide) height=(plan.high) viewBox={ "0 0 " (plan.wide) " " (plan.high) }
                role="group" aria-label={ (label) "; the list below says the same" } {
                @for line in &plan.lines {
                    path.edge d=(curve(line)) {}
                    @if let Some((x, y)) = line.last() {
                        path.tip d={ "M" (x) " " (y) "l-7 -4v8z" } {}
                    }
                }
                @for (node, (x, y)) in nodes.iter().zip(&plan.at) { (boxed(node, *x, *y)) }
            }
        }
    }
}

fn boxed(node: &Node, x: usize, y: usize) -> Markup {
    let label = text::line(&node.label);
    html! {
        a class=(node.tone.class()) href=(node.to) {
            title { (label) " · " (node.state) }
            rect x=(x) y=(y) width=(WIDE) height=(HIGH) rx="6" {}
            text.sign aria-hidden="true" x=(x + 11) y=(y + 19) { (node.sign) }
            text x=(x + 29) y=(y + 18) { (text::cut(&node.label, LABEL_CHARS)) }
            text.of x=(x + 29) y=(y + 34) { (text::cut(&node.of, OF_CHARS)) }
        }
    }
}

/// A line through its points, level at each of them.
fn curve(points: &[(usize, usize)]) -> String {
    let mut path = String::new();
    for pair in points.windows(2) {
        let [(x, y), (to_x, to_y)] = [pair[0], pair[1]];
        let middle = usize::midpoint(x, to_x);
        if path.is_empty() {
            path = format!("M{x} {y}");
        }
        path.push_str(&format!("C{middle} {y} {middle} {to_y} {to_x} {to_y}"));
    }
    path
}

/// What stands in a column.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Cell {
    Node(usize),
    /// Where the line passes: which line.
    Bend(usize),
}

fn plan(needs: &[Vec<usize>]) -> Plan {
    let edges: Vec<(usize, usize)> = needs
        .iter()
        .enumerate()
        .flat_map(|(to, from)| from.iter().map(move |from| (*from, to)))
        .filter(|(from, to)| *from < needs.len() && from != to)
        .collect();
    let layers = layers(needs.len(), &edges);
    let mut columns: Vec<Vec<Cell>> = Vec::new();
    let mut put = |layer: usize, cell| {
        if columns.len() <= layer {
            columns.resize(layer + 1, Vec::new());
        }
        columns[layer].push(cell);
    };
    let is_alone = |node: usize| !edges.iter().any(|(from, to)| *from == node || *to == node);
    let alone: Vec<usize> = (0..needs.len()).filter(|node| is_alone(*node)).collect();
    for (node, layer) in layers.iter().enumerate() {
        if !is_alone(node) {
            put(*layer, Cell::Node(node));
        }
    }
    let bends: usize = edges.iter().map(|(from, to)| layers[*to].saturating_sub(layers[*from] + 1)).sum();
    if bends <= BENDS_MAX {
        for (line, (from, to)) in edges.iter().enumerate() {
            (layers[*from] + 1..layers[*to]).for_each(|layer| put(layer, Cell::Bend(line)));
        }
    }
    sort(&mut columns, &edges, &layers);
    place(&columns, &edges, &alone, needs.len())
}

/// The column of each: one more than the last of what it needs. There are no rings; of one, some line would lead back.
fn layers(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut layers = vec![0; count];
    for _ in 0..count {
        let mut moved = false;
        for (from, to) in edges {
            if layers[*to] <= layers[*from] && layers[*from] + 1 < count {
                layers[*to] = layers[*from] + 1;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    layers
}

/// Puts each column in the order of the middle of what its cells hang on, there and back again.
fn sort(columns: &mut [Vec<Cell>], edges: &[(usize, usize)], layers: &[usize]) {
    let ends = |cell: Cell, column: usize, left: bool| -> Vec<Cell> {
        let beside = |line: usize, node: usize, column: usize| {
            if layers[node] == column { Cell::Node(node) } else { Cell::Bend(line) }
        };
        let next = if left { column.wrapping_sub(1) } else { column + 1 };
        let far = |(line, (from, to)): (usize, &(usize, usize))| {
            let mine = match cell {
                Cell::Node(node) => {
                    if left {
                        *to == node
                    } else {
                        *from == node
                    }
                }
                Cell::Bend(bend) => bend == line,
            };
            mine.then(|| beside(line, if left { *from } else { *to }, next))
        };
        edges.iter().enumerate().filter_map(far).collect()
    };
    for sweep in 0..SWEEPS {
        let left = sweep % 2 == 0;
        let order: Vec<usize> = if left {
            (1..columns.len()).collect()
        } else {
            (0..columns.len().saturating_sub(1)).rev().collect()
        };
        for column in order {
            let beside = if left { &columns[column - 1] } else { &columns[column + 1] };
            let places: BTreeMap<Cell, usize> =
                beside.iter().enumerate().map(|(at, cell)| (*cell, at)).collect();
            let mut sorted: Vec<(usize, usize, Cell)> = columns[column]
                .iter()
                .enumerate()
                .map(|(at, cell)| {
                    let found: Vec<usize> =
                        ends(*cell, column, left).iter().filter_map(|end| places.get(end).copied()).collect();
                    let middle = match found.len() {
                        0 => at * 1000,
                        n => found.iter().sum::<usize>() * 1000 / n,
                    };
                    (middle, at, *cell)
                })
                .collect();
            sorted.sort();
            columns[column] = sorted.into_iter().map(|(_, _, cell)| cell).collect();
        }
    }
}

fn place(columns: &[Vec<Cell>], edges: &[(usize, usize)], alone: &[usize], count: usize) -> Plan {
    let high_of = |cell: &Cell| match cell {
        Cell::Node(_) => HIGH + BELOW,
        Cell::Bend(_) => BELOW,
    };
    let heights: Vec<usize> = columns.iter().map(|column| column.iter().map(high_of).sum()).collect();
    let tallest = heights.iter().copied().max().unwrap_or(0);
    let mut at = vec![(0, 0); count];
    let mut bends: BTreeMap<(usize, usize), (usize, usize)> = BTreeMap::new();
    for (number, column) in columns.iter().enumerate() {
        let x = 1 + number * (WIDE + ACROSS);
        let mut y = 1 + (tallest - heights[number]) / 2;
        for cell in column {
            match cell {
                Cell::Node(node) => at[*node] = (x, y),
                Cell::Bend(line) => {
                    bends.insert((*line, number), (x, y + BELOW / 2));
                }
            }
            y += high_of(cell);
        }
    }
    let top = if tallest > 0 && !alone.is_empty() { tallest + BELOW } else { tallest };
    for (n, node) in alone.iter().enumerate() {
        at[*node] = (1 + n % ALONE * (WIDE + BELOW), 1 + top + n / ALONE * (HIGH + BELOW));
    }
    let lines = edges.iter().enumerate().map(|(line, (from, to))| {
        let ((x, y), (to_x, to_y)) = (at[*from], at[*to]);
        let mut points = vec![(x + WIDE, y + HIGH / 2)];
        for (_, (x, y)) in bends.range((line, 0)..=(line, usize::MAX)) {
            points.extend([(*x, *y), (x + WIDE, *y)]);
        }
        points.push((to_x, to_y + HIGH / 2));
        points
    });
    let lines = lines.collect();
    let wide = at.iter().map(|(x, _)| x + WIDE + 1).max().unwrap_or(0);
    let high = at.iter().map(|(_, y)| y + HIGH + 1).max().unwrap_or(0);
    Plan { at, lines, wide, high }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_stands_to_the_right_of_what_it_needs_and_nothing_overlaps() {
        // 0 and 1 first; 2 needs both; 3 needs 0 and 2; 4 stands alone.
        let needs = [vec![], vec![], vec![0, 1], vec![0, 2], vec![]];
        let plan = plan(&needs);
        for (to, from) in needs.iter().enumerate() {
            for from in from {
                assert!(plan.at[*from].0 + WIDE < plan.at[to].0, "{from} -> {to}: {plan:?}");
            }
        }
        for (a, (x, y)) in plan.at.iter().enumerate() {
            for (to_x, to_y) in &plan.at[a + 1..] {
                assert!(x.abs_diff(*to_x) >= WIDE || y.abs_diff(*to_y) >= HIGH, "{plan:?}");
            }
        }
        assert_eq!(plan, super::plan(&needs));
        // The line from 0 to 3 goes through the column of 2, and not through its box.
        let long = plan.lines.iter().find(|line| line.len() == 4).unwrap();
        let (_, y) = plan.at[2];
        assert!(long[1].1 < y || long[1].1 > y + HIGH, "{plan:?}");
    }

    #[test]
    fn a_ring_and_a_crowd_are_survived() {
        plan(&[vec![1], vec![0]]);
        plan(&[vec![0], vec![7]]);
        let chain: Vec<Vec<usize>> = (0..NODES_MAX).map(|n| (0..n).rev().take(5).collect()).collect();
        assert_eq!(plan(&chain).at.len(), NODES_MAX);
        assert_eq!(plan(&[]), Plan { at: vec![], lines: vec![], wide: 0, high: 0 });
    }

    #[test]
    fn what_a_box_says_is_text() {
        let node = Node {
            label: "<script>".to_owned(),
            of: "\"onload=".to_owned(),
            to: "/issues/a".to_owned(),
            sign: "○",
            tone: Tone::Idle,
            state: "open".to_owned(),
            needs: vec![],
        };
        let html = graph("G", &[node]).into_string();
        assert!(!html.contains("<script>") && !html.contains(" \"onload"), "{html}");
    }
}
