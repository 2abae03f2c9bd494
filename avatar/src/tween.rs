//! Makes the in-betweens of two drawings: groups of the same build whose numbers differ.
//!
//! Invariant: an in-between has the elements and attributes of its key drawings; only numbers of shape,
//! place and opacity move. In path data the arc flags must stand apart from other numbers (`0 0 1`).

use resvg::usvg::roxmltree::Node;

/// The attributes whose numbers move; all others must be alike in both drawings.
const MOVING: [&str; 16] = [
    "cx",
    "cy",
    "d",
    "fill-opacity",
    "height",
    "opacity",
    "points",
    "r",
    "rx",
    "ry",
    "stroke-opacity",
    "stroke-width",
    "transform",
    "width",
    "x",
    "y",
];

/// Writes the drawing that lies `share` of the way from `from` (0) to `to` (1) as an SVG group named `id`.
/// The error says which element or attribute doesn't match.
pub(crate) fn between(from: Node, to: Node, share: f32, id: &str) -> Result<String, String> {
    let mut out = String::new();
    element(from, to, share, Some(id), &mut out)?;
    Ok(out)
}

fn element(from: Node, to: Node, share: f32, id: Option<&str>, out: &mut String) -> Result<(), String> {
    let tag = from.tag_name().name();
    if tag != to.tag_name().name() {
        return Err(format!("<{tag}> stands where the other has <{}>", to.tag_name().name()));
    }
    out.push('<');
    out.push_str(tag);
    if let Some(id) = id {
        push_attribute(out, "id", id);
    }
    let own = |node: Node| {
        node.attributes()
            .filter(|a| a.namespace().is_none() && a.name() != "id")
            .count()
    };
    if own(from) != own(to) {
        return Err(format!("a <{tag}> has {} attributes, the other {}", own(from), own(to)));
    }
    for attribute in from
        .attributes()
        .filter(|a| a.namespace().is_none() && a.name() != "id")
    {
        let name = attribute.name();
        let other = to
            .attribute(name)
            .ok_or_else(|| format!("a <{tag}> lacks `{name}` in one of them"))?;
        if MOVING.contains(&name) {
            let value = numbers_between(attribute.value(), other, share)
                .ok_or_else(|| format!("`{name}` of a <{tag}> differs in more than its numbers"))?;
            push_attribute(out, name, &value);
        } else if attribute.value() == other {
            push_attribute(out, name, other);
        } else {
            return Err(format!(
                "`{name}` of a <{tag}> is `{}` in one, `{other}` in the other",
                attribute.value()
            ));
        }
    }
    out.push('>');
    let mut others = to.children().filter(Node::is_element);
    for child in from.children().filter(Node::is_element) {
        let other = others
            .next()
            .ok_or_else(|| format!("<{}> has no counterpart", child.tag_name().name()))?;
        element(child, other, share, None, out)?;
    }
    if let Some(left) = others.next() {
        return Err(format!("<{}> has no counterpart", left.tag_name().name()));
    }
    out.push_str("</");
    out.push_str(tag);
    out.push('>');
    Ok(())
}

fn push_attribute(out: &mut String, name: &str, value: &str) {
    let value = value.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    out.push_str(&format!(" {name}=\"{value}\""));
}

/// `None` where the texts differ in anything but the values of their numbers.
fn numbers_between(from: &str, to: &str, share: f32) -> Option<String> {
    let (from, to) = (pieces(from), pieces(to));
    if from.len() != to.len() {
        return None;
    }
    let mut out = String::new();
    for pair in from.iter().zip(&to) {
        match pair {
            // A space keeps neighbours such as `1-2` apart; SVG allows it anywhere a number stands.
            (Piece::Number(a), Piece::Number(b)) => out.push_str(&format!(" {:.3}", a + (b - a) * share)),
            (Piece::Text(a), Piece::Text(b)) if a == b => out.push_str(a),
            _ => return None,
        }
    }
    Some(out)
}

#[derive(Debug, PartialEq)]
enum Piece {
    Number(f32),
    /// Anything else, without white space and commas.
    Text(String),
}

fn pieces(text: &str) -> Vec<Piece> {
    let chars: Vec<char> = text.chars().collect();
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let length = number_length(&chars[at..]);
        if length > 0 {
            let number: String = chars[at..at + length].iter().collect();
            pieces.push(Piece::Number(number.parse().unwrap_or(0.0)));
            at += length;
            continue;
        }
        let c = chars[at];
        at += 1;
        if c.is_whitespace() || c == ',' {
            continue;
        }
        match pieces.last_mut() {
            Some(Piece::Text(text)) => text.push(c),
            _ => pieces.push(Piece::Text(c.to_string())),
        }
    }
    pieces
}

/// How many characters at the start form a number (`-1.5e2`); 0 if none do.
fn number_length(chars: &[char]) -> usize {
    let digits = |from: usize| {
        chars[from.min(chars.len())..]
            .iter()
            .take_while(|c| c.is_ascii_digit())
            .count()
    };
    let is = |at: usize, these: &str| chars.get(at).is_some_and(|&c| these.contains(c));
    let mut at = usize::from(is(0, "+-"));
    let whole = digits(at);
    at += whole;
    let mut fraction = 0;
    if is(at, ".") {
        fraction = digits(at + 1);
        at += 1 + fraction;
    }
    if whole + fraction == 0 {
        return 0;
    }
    if is(at, "eE") {
        let sign = usize::from(is(at + 1, "+-"));
        let exponent = digits(at + 1 + sign);
        if exponent > 0 {
            at += 1 + sign + exponent;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use resvg::usvg::roxmltree::Document;

    fn tween(from: &str, to: &str, share: f32) -> Result<String, String> {
        let (a, b) = (Document::parse(from).expect("xml"), Document::parse(to).expect("xml"));
        between(a.root_element(), b.root_element(), share, "x")
    }

    #[test]
    fn numbers_meet_halfway_and_the_rest_stays() {
        let out = tween(
            r##"<g id="a"><path fill="#102030" d="M0 0C1-2,.5.5 1e1 4Z"/></g>"##,
            r##"<g id="b"><path fill="#102030" d="M 2 4 C 3 -4 1.5 1.5 20 8 Z"/></g>"##,
            0.5,
        )
        .expect("same build");
        assert_eq!(
            out,
            r##"<g id="x"><path fill="#102030" d="M 1.000 2.000C 2.000 -3.000 1.000 1.000 15.000 6.000Z"></path></g>"##
        );
    }

    #[test]
    fn drawings_of_different_build_are_refused_with_the_reason() {
        for (from, to, says) in [
            (r#"<g><path d="M0 0"/></g>"#, r#"<g><circle r="1"/></g>"#, "<circle>"),
            (r#"<g><path d="M0 0L1 1"/></g>"#, r#"<g><path d="M0 0"/></g>"#, "`d`"),
            (
                r#"<g><path fill="red"/></g>"#,
                r#"<g><path fill="blue"/></g>"#,
                "`fill`",
            ),
            (r#"<g><path d="M0 0"/></g>"#, "<g/>", "counterpart"),
            (r#"<g/>"#, r#"<g><path d="M0 0"/></g>"#, "counterpart"),
            (r#"<g opacity="1"/>"#, r#"<g/>"#, "attributes"),
        ] {
            let error = tween(from, to, 0.5).expect_err(from);
            assert!(error.contains(says), "{from} to {to}: {error}");
        }
    }
}
