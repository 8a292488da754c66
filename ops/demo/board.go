package demo

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// cell is what became of a row at a seat.
type cell uint8

const (
	cellNone    cell = iota // not entitled, and received nothing
	cellWaiting             // entitled, and has not all of it yet
	cellAll                 // entitled, and has all of it once
	cellWrong               // has what it must not, or something twice
)

func (x *show) cell(r *row, s *seat) cell {
	allowed := r.access[s.Name].Allowed
	have := 0
	for _, p := range r.places {
		switch n := x.tally.of(s.Name, p).times; {
		case n == 0:
		case n > 1, !allowed:
			return cellWrong
		default:
			have++
		}
	}
	switch {
	case !allowed:
		return cellNone
	case have == len(r.places):
		return cellAll
	}
	return cellWaiting
}

// board is the table of rows and seats. Lines that are complete are written
// once; on a terminal the others are written again until they are.
type board struct {
	out    io.Writer
	show   *show
	live   bool
	color  bool
	folded bool // rows come at the end: each is many objects
	over   bool // nothing more arrives: what is missing is wrong

	first   int      // row that is not complete
	open    int      // lines on the screen below the complete ones
	written []string // the complete rows, as they were written
}

func newBoard(o *Options, x *show) *board {
	return &board{out: o.Out, show: x, live: o.Live, color: o.Live && o.Color, folded: len(o.Files) > 0}
}

// widths of the columns before the seats, without their spaces.
var widths = [...]int{4, 12, 8, 18}

// head names the seats, each with a line down to its column.
func (b *board) head() {
	label := len(widths)
	for _, w := range widths {
		label += w
	}
	readers := b.show.readers
	for i := len(readers) - 1; i >= 0; i-- {
		text := describe(readers[i].Seat)
		line := " " + pad(text, label-2) + " " + strings.Repeat("──", i) + "┐" + strings.Repeat(" │", len(readers)-1-i)
		fmt.Fprintln(b.out, line)
	}
	b.line(" "+strings.Join(b.labels("FROM", "TLP", "TO", "OBJECT"), " "), strings.Repeat("│ ", len(readers)))
}

func (b *board) labels(words ...string) []string {
	for i, w := range words {
		words[i] = pad(w, widths[i])
	}
	return words
}

func (b *board) line(label, cells string) {
	end := ""
	if b.live {
		end = "\x1b[K"
	}
	fmt.Fprintln(b.out, label+strings.TrimRight(cells, " ")+end)
}

// draw brings the table up to date.
func (b *board) draw() {
	if b.folded {
		return
	}
	rows := b.show.rows
	if b.live && b.open > 0 {
		fmt.Fprintf(b.out, "\x1b[%dA", b.open)
		b.open = 0
	}
	for i := b.first; i < len(rows); i++ {
		complete := b.complete(rows[i])
		if !b.live && !complete && !b.over {
			return
		}
		label, cells := b.row(rows[i])
		b.line(label, cells)
		if complete && i == b.first || b.over {
			b.written = append(b.written, cells)
			b.first++
			continue
		}
		b.open++
	}
}

func (b *board) complete(r *row) bool {
	for _, s := range b.show.readers {
		if b.show.cell(r, s) == cellWaiting {
			return false
		}
	}
	return true
}

// finish writes what is not written yet, and again the rows to which something
// came after they were complete: that is wrong, and must be seen. Nothing more
// arrives.
func (b *board) finish() {
	b.over = true
	if b.folded && b.live {
		fmt.Fprint(b.out, "\r\x1b[K")
	}
	b.folded = false
	before := b.written
	b.draw()
	told := false
	for i, was := range before {
		label, cells := b.row(b.show.rows[i])
		if cells == was {
			continue
		}
		if !told {
			b.line(" Wrong since they were written:", "")
			told = true
		}
		b.line(label, cells)
	}
}

// row is the label of a row and what became of it at each seat.
func (b *board) row(r *row) (label, cells string) {
	what := fit(r.typ, widths[3]-1)
	if n := len(r.places); n != 1 {
		what = fit(r.typ, widths[3]-3-len(strconv.Itoa(n))) + " ×" + strconv.Itoa(n)
	}
	var marks strings.Builder
	for _, s := range b.show.readers {
		marks.WriteString(b.mark(b.show.cell(r, s)) + " ")
	}
	return " " + strings.Join(b.labels(r.from, shout(r.level), r.to, what), " "), marks.String()
}

func (b *board) mark(c cell) string {
	if c == cellWaiting && b.over {
		c = cellWrong
	}
	mark, paint := " ", ""
	switch c {
	case cellAll:
		mark, paint = "✓", "32"
	case cellNone:
		mark, paint = "·", "2"
	case cellWrong:
		mark, paint = "!", "1;31"
	}
	if b.color && paint != "" {
		mark = "\x1b[" + paint + "m" + mark + "\x1b[0m"
	}
	return mark
}

// progress tells how far the files are; on a terminal only.
func (b *board) progress(p client.Progress) {
	if b.live {
		fmt.Fprintf(b.out, "\r%d of %d objects answered\x1b[K", p.Answered, p.Objects)
	}
}

// describe tells of a seat what decides what it receives.
func describe(s *policy.Seat) string {
	words := []string{shout(s.Ceiling)}
	if s.Standing == policy.Client {
		words = append(words, "a client")
	}
	if s.FilterType != "" {
		words = append(words, "only "+s.FilterType)
	}
	return pad(s.Name, 12) + strings.Join(words, ", ")
}

// shout writes a level as TLP 2.0 does: AMBER+STRICT.
func shout(l stix.Level) string {
	return strings.ReplaceAll(strings.ToUpper(l.String()), "-", "+")
}

// pad brings a word to a width in characters.
func pad(s string, width int) string {
	s = fit(s, width)
	return s + strings.Repeat(" ", width-utf8.RuneCountInString(s))
}

// fit cuts a word to a width in characters.
func fit(s string, width int) string {
	if r := []rune(s); len(r) > width {
		return string(r[:max(0, width-1)]) + "…"
	}
	return s
}
