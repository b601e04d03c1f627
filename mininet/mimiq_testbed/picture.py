"""The picture: what the observer sees over time, above what really happened. SVG without scripts or fonts of its own."""

from xml.sax.saxutils import escape, quoteattr

WIDTH, LEFT, RIGHT = 1200, 120, 30
PLOT = WIDTH - LEFT - RIGHT
LANE, GAP = 9, 3
TRUTH_LANE = 30
INK, MUTED, GRID, PAPER = "#1c2430", "#5b6675", "#e3e7ec", "#ffffff"
FLOW, CONTROL, HANDSHAKE = "#7a8797", "#c2571a", "#2b6cb0"
CLIENTS = [("#0b7285", "#66c2cf"), ("#5f3dc4", "#b197fc"), ("#2b8a3e", "#8ce99a"), ("#a61e4d", "#f783ac")]


def draw(view, fetches, title):
    """Returns the SVG. `view` is the observer's, `fetches` what the clients did."""
    if not view.flows:
        return _svg(160, [_text(LEFT, 80, "The capture holds no QUIC packets.", 16)])
    start = min(flow.first for flow in view.flows)
    span = max(max(flow.last for flow in view.flows) - start, 0.001)
    return _Picture(view, fetches, start, span).draw(title)


class _Picture:
    def __init__(self, view, fetches, start, span):
        self.view, self.fetches, self.start, self.span = view, fetches, start, span
        self.owner = {address: fetch for fetch in fetches for address in fetch.addresses}

    def x(self, time):
        return LEFT + (time - self.start) / self.span * PLOT

    def draw(self, title):
        parts = [_text(LEFT, 34, title, 20, weight="bold")]
        top = 84
        parts.append(_text(LEFT, top - 18, "What the observer outside sees: one bar per address and port", 14, weight="bold"))
        lanes = self._pack()
        bottom = top + len(lanes) * (LANE + GAP)
        parts += self._grid(top, bottom)
        for row, flows in enumerate(lanes):
            parts += [self._observed(flow, top + row * (LANE + GAP)) for flow in flows]
        legend = bottom + 46
        parts += self._legend(legend)
        truth = legend + 56
        parts.append(_text(LEFT, truth - 18, "What really happened: one line per client, a new shade at each hop", 14, weight="bold"))
        end = truth + len(self.fetches) * TRUTH_LANE
        parts += self._grid(truth, end)
        for row, fetch in enumerate(self.fetches):
            parts += self._true(fetch, row, truth + row * TRUTH_LANE)
        return _svg(end + 60, parts)

    def _pack(self):
        """Puts each flow into the first lane that is free: that an address is new is all the observer knows."""
        lanes, free = [], []
        margin = self.span * 0.004
        for flow in self.view.flows:
            row = next((n for n, until in enumerate(free) if until < flow.first), None)
            if row is None:
                lanes.append([])
                free.append(0.0)
                row = len(lanes) - 1
            lanes[row].append(flow)
            free[row] = flow.last + margin
        return lanes

    def _observed(self, flow, y):
        fetch = self.owner.get(flow.client[0])
        colour = CONTROL if fetch and not fetch.hopping else HANDSHAKE if flow.handshake else FLOW
        tip = f"{flow.client[0]} port {flow.client[1]}: {flow.packets} packets, {len(flow.ids)} connection IDs"
        return _bar(self.x(flow.first), y, self.x(flow.last), LANE, colour, tip)

    def _true(self, fetch, row, y):
        shades = (CONTROL, CONTROL) if not fetch.hopping else CLIENTS[row % len(CLIENTS)]
        order = {address: n for n, address in enumerate(fetch.addresses)}
        flows = sorted((f for f in self.view.flows if f.client[0] in order), key=lambda f: order[f.client[0]])
        label = fetch.client if fetch.hopping else f"{fetch.client} (control)"
        parts = [_text(LEFT - 10, y + 18, label, 13, anchor="end")]
        for flow, following in zip(flows, flows[1:] + [None]):
            end = following.first if following else flow.last
            tip = f"{label}, hop {order[flow.client[0]]}: {flow.client[0]}"
            parts.append(_bar(self.x(flow.first), y + 4, self.x(end), TRUTH_LANE - 10, shades[order[flow.client[0]] % 2], tip))
        return parts

    def _grid(self, top, bottom):
        step = next(s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 300, 3600) if self.span / s <= 12 or s == 3600)
        parts, n = [], 0
        while n * step <= self.span:
            x = self.x(self.start + n * step)
            parts.append(f'<line x1="{x:.1f}" y1="{top - 6}" x2="{x:.1f}" y2="{bottom + 4}" stroke="{GRID}"/>')
            parts.append(_text(x, bottom + 20, f"{n * step:g} s", 12, anchor="middle", colour=MUTED))
            n += 1
        return parts

    def _legend(self, y):
        entries = [
            (FLOW, "a flow of unknown origin"),
            (HANDSHAKE, "a flow that begins with a handshake"),
            (CONTROL, "the control: a client that does not hop"),
        ]
        parts, x = [], LEFT
        for colour, text in entries:
            parts.append(_bar(x, y - 9, x + 22, LANE, colour))
            parts.append(_text(x + 30, y, text, 12, colour=MUTED))
            x += 60 + 7 * len(text)
        return parts


def _bar(x, y, end, height, colour, tip=None):
    inner = f"<title>{escape(tip)}</title>" if tip else ""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(end - x, 1.5):.1f}" height="{height}" rx="1.5" fill="{colour}">{inner}</rect>'


def _text(x, y, text, size, anchor="start", colour=INK, weight="normal"):
    style = f'font-size="{size}" text-anchor="{anchor}" fill="{colour}" font-weight="{weight}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'


def _svg(height, parts):
    family = quoteattr("system-ui, 'DejaVu Sans', Helvetica, Arial, sans-serif")
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" font-family={family}>'
    paper = f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>'
    return "\n".join([head, paper, *parts, "</svg>"]) + "\n"
