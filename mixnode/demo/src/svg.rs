//! A little SVG: a plot's axes, and shapes. Without scripts or fonts of its own.

use std::fmt::{Display, Write as _};

pub(crate) const WIDTH: f64 = 1200.0;
pub(crate) const INK: &str = "#1c2430";
pub(crate) const MUTED: &str = "#5b6675";
pub(crate) const GRID: &str = "#e3e7ec";

/// An area in which values are drawn.
#[derive(Clone, Copy)]
pub(crate) struct Plot {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
    /// The values at the left and at the right end, and at the top; the bottom is 0.
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) most: f64,
}

impl Plot {
    pub(crate) fn x(&self, value: f64) -> f64 {
        self.left + (value - self.from) / (self.to - self.from) * self.width
    }

    pub(crate) fn y(&self, value: f64) -> f64 {
        self.bottom() - value / self.most * self.height
    }

    pub(crate) fn bottom(&self) -> f64 {
        self.top + self.height
    }

    pub(crate) fn right(&self) -> f64 {
        self.left + self.width
    }
}

/// A step of 1, 2 or 5 times a power of ten that divides a range into about so many parts.
pub(crate) fn step(range: f64, parts: f64) -> f64 {
    let about = (range / parts).max(1e-9);
    let power = 10f64.powf(about.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|step| *step >= about * 0.999).unwrap_or(10.0 * power)
}

/// A drawing that grows.
#[derive(Default)]
pub(crate) struct Svg(String);

impl Svg {
    pub(crate) fn text(&mut self, x: f64, y: f64, size: u32, anchor: &str, colour: &str, text: impl Display) {
        let text = text.to_string().replace('&', "&amp;").replace('<', "&lt;");
        self.put(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{text}</text>"
        ));
    }

    pub(crate) fn heading(&mut self, x: f64, y: f64, size: u32, text: &str) {
        self.put(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" fill=\"{INK}\" font-weight=\"bold\">{text}</text>"
        ));
    }

    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: &str, more: &str) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.put(format_args!(
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{colour}\" {more}/>"
        ));
    }

    pub(crate) fn bar(&mut self, at: (f64, f64), width: f64, height: f64, colour: &str, title: impl Display) {
        let (x, y) = at;
        self.put(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\" rx=\"1.5\" fill=\"{colour}\"><title>{title}</title></rect>",
            width.max(1.0)
        ));
    }

    pub(crate) fn curve(&mut self, points: impl Iterator<Item = (f64, f64)>, colour: &str, width: f64) {
        let mut path = String::new();
        for (x, y) in points {
            let _ = write!(path, "{}{x:.1},{y:.1}", if path.is_empty() { "M" } else { " L" });
        }
        self.put(format_args!(
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"/>"
        ));
    }

    /// Lines and numbers: `unit` stands behind those below.
    pub(crate) fn axes(&mut self, plot: &Plot, unit: &str) {
        let down = step(plot.most, 5.0);
        for n in 0..=(plot.most / down + 1e-9) as u32 {
            let (value, y) = (f64::from(n) * down, plot.y(f64::from(n) * down));
            self.line((plot.left, y), (plot.right(), y), GRID, "");
            self.text(plot.left - 10.0, y + 4.0, 12, "end", MUTED, number(value));
        }
        let across = step(plot.to - plot.from, 12.0);
        let first = (plot.from / across).ceil() as u32;
        for n in first..=(plot.to / across + 1e-9) as u32 {
            let (value, x) = (f64::from(n) * across, plot.x(f64::from(n) * across));
            self.line((x, plot.bottom()), (x, plot.bottom() + 5.0), MUTED, "");
            self.text(x, plot.bottom() + 20.0, 12, "middle", MUTED, format_args!("{} {unit}", number(value)));
        }
    }

    pub(crate) fn finish(self, height: f64) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
            font-family=\"system-ui, 'DejaVu Sans', Helvetica, Arial, sans-serif\">\n\
            <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n{}</svg>\n",
            self.0
        )
    }

    fn put(&mut self, shape: impl Display) {
        let _ = writeln!(self.0, "{shape}");
    }
}

/// Without noise of floating point.
fn number(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round() {
        assert_eq!(
            [step(100.0, 10.0), step(101.0, 10.0), step(0.8, 12.0), step(9.0, 5.0)].map(number),
            [10.0, 20.0, 0.1, 2.0]
        );
    }

    #[test]
    fn values_have_their_places() {
        let plot = Plot { left: 100.0, top: 50.0, width: 1000.0, height: 200.0, from: 10.0, to: 20.0, most: 4.0 };
        assert_eq!((plot.x(15.0), plot.y(1.0), plot.bottom(), plot.right()), (600.0, 200.0, 250.0, 1100.0));
    }
}
