/// A statement: a line and those that continue it, without comments.
pub(super) struct Line {
    /// Where it begins, from 1 on.
    pub(super) number: usize,
    pub(super) text: String,
}

/// The statements of a file. A line whose first character is `/` or that begins with `->` continues the one before it; `#` begins
/// a comment, except in quotes.
pub(super) fn of(text: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = without_comment(line).trim();
        match lines.last_mut() {
            _ if line.is_empty() => {}
            Some(last) if line.starts_with('/') => last.text += line,
            Some(last) if line.starts_with("->") => last.text = format!("{} {line}", last.text),
            _ => lines.push(Line { number, text: line.to_owned() }),
        }
    }
    lines
}

fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    let end = line.find(|c| {
        quoted ^= c == '"';
        c == '#' && !quoted
    });
    &line[..end.unwrap_or(line.len())]
}
