package pattern

// Scan reads a pattern and calls yield for each constant that Values gives of
// it, in the same order, but builds nothing that outlives the call: what yield
// is given is its own only until it returns, all but the strings, and PathText
// is empty. The error is a *SyntaxError, and then nothing was yielded.
func Scan(source string, yield func(*Observable)) error {
	p := checkers.Get().(*parser)
	p.src, p.verbatim = source, false
	root := p.pattern()
	var err error
	if p.err != nil {
		err = p.err
	} else {
		eachComparison(root, true, func(c *Comparison, alone bool) {
			o := observable(c, alone)
			r := newReading(c)
			for _, v := range c.Values {
				r.fill(&o, v)
				yield(&o)
			}
		})
	}
	p.nodes.reset()
	p.forget()
	checkers.Put(p)
	return err
}

// Read reads a constant as a pattern would that asks for it with = at path, and
// returns what Values says of it: its kind, of a hash the algorithm, and its
// canonical spelling.
func Read(path Path, v Value) (kind ObservableKind, algorithm, canonical string) {
	c := Comparison{Path: path, Op: Equal}
	r := newReading(&c)
	return r.read(v)
}
