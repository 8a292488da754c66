package pattern

// assignment hands out the observations of a plan: to every leaf as many as it
// needs, within its bounds, none twice. That is a flow from leaves to
// observed-data, found by handing out what is free and then, as long as a leaf
// lacks some, along a chain of leaves of which each passes one on to the one
// before it and takes another instead.
type assignment struct {
	plan             *plan
	earliest, latest []int    // bounds of each leaf
	given            [][]int  // of each leaf, by candidate: how many
	listed           [][]bool // likewise: whether it is among the holders
	free             []int    // of each observed-data
	holders          [][]holding
	reached          []int // of each observed-data: the round of the search it was last reached in
	from             []link
	round            int
}

// holding says which leaf holds, or held, some of an observed-data, as which of
// its candidates.
type holding struct{ leaf, candidate int }

// link is how the search came to an observed-data: a leaf wants it as this
// candidate, and would pass on what it holds of via; -1 at the leaf that lacks.
type link struct {
	holding
	via int // index among the candidates of the leaf
}

func newAssignment(p *plan) *assignment {
	n := len(p.m.observed)
	a := &assignment{
		plan:     p,
		earliest: make([]int, len(p.leaves)),
		latest:   make([]int, len(p.leaves)),
		given:    make([][]int, len(p.leaves)),
		listed:   make([][]bool, len(p.leaves)),
		free:     make([]int, n),
		holders:  make([][]holding, n),
		reached:  make([]int, n),
		from:     make([]link, n),
	}
	return a
}

// allows tells whether an observed-data is within the bounds of a leaf.
func (a *assignment) allows(leaf, observed int) bool {
	t := &a.plan.m.timeline
	return t.first[observed] <= a.latest[leaf] && t.last[observed] >= a.earliest[leaf]
}

// handOut tells whether all leaves get what they need.
func (a *assignment) handOut() (bool, error) {
	for i := range a.free {
		a.free[i] = a.plan.m.observed[i].Number
		a.holders[i] = a.holders[i][:0]
	}
	for i := range a.plan.leaves {
		l := &a.plan.leaves[i]
		if a.given[i] == nil {
			a.given[i] = make([]int, len(l.candidates))
			a.listed[i] = make([]bool, len(l.candidates))
		}
		clear(a.given[i])
		clear(a.listed[i])
	}
	for i := range a.plan.leaves {
		lacks, err := a.takeFree(i)
		for err == nil && lacks > 0 {
			var got int
			if got, err = a.exchange(i, lacks); got == 0 {
				return false, err
			}
			lacks -= got
		}
		if err != nil {
			return false, err
		}
	}
	return true, a.plan.m.spend(len(a.free))
}

// takeFree gives a leaf what is free and returns how many it lacks then.
func (a *assignment) takeFree(leaf int) (int, error) {
	l := &a.plan.leaves[leaf]
	lacks := l.count
	for c, o := range l.candidates {
		if lacks == 0 {
			return 0, a.plan.m.spend(c)
		}
		if a.free[o] > 0 && a.allows(leaf, o) {
			n := min(lacks, a.free[o])
			a.give(leaf, c, n)
			a.free[o] -= n
			lacks -= n
		}
	}
	return lacks, a.plan.m.spend(len(l.candidates))
}

func (a *assignment) give(leaf, candidate, n int) {
	if !a.listed[leaf][candidate] {
		a.listed[leaf][candidate] = true
		o := a.plan.leaves[leaf].candidates[candidate]
		a.holders[o] = append(a.holders[o], holding{leaf, candidate})
	}
	a.given[leaf][candidate] += n
}

// exchange finds the shortest chain that ends at something free, and passes on
// along it up to lacks observations. It returns how many: none if there is no
// chain, and then no way at all to serve the leaf together with those before it.
func (a *assignment) exchange(leaf, lacks int) (int, error) {
	a.round++
	var queue []int
	want := func(leaf, via int) (int, error) {
		l := &a.plan.leaves[leaf]
		for c, o := range l.candidates {
			if a.reached[o] == a.round || !a.allows(leaf, o) {
				continue
			}
			a.reached[o] = a.round
			a.from[o] = link{holding{leaf, c}, via}
			if a.free[o] > 0 {
				return o, a.plan.m.spend(c)
			}
			queue = append(queue, o)
		}
		return -1, a.plan.m.spend(len(l.candidates))
	}
	end, err := want(leaf, -1)
	asked := map[int]bool{leaf: true}
	for i := 0; err == nil && end < 0 && i < len(queue); i++ {
		if err = a.plan.m.spend(len(a.holders[queue[i]])); err != nil {
			break
		}
		for _, h := range a.holders[queue[i]] {
			if a.given[h.leaf][h.candidate] == 0 || asked[h.leaf] {
				continue
			}
			asked[h.leaf] = true
			if end, err = want(h.leaf, h.candidate); err != nil || end >= 0 {
				break
			}
		}
	}
	if err != nil || end < 0 {
		return 0, err
	}
	return a.pass(end, lacks), nil
}

// pass moves observations along the chain that ended at an observed-data.
func (a *assignment) pass(end, lacks int) int {
	n := min(lacks, a.free[end])
	for o := end; ; {
		l := a.from[o]
		if l.via < 0 {
			break
		}
		n = min(n, a.given[l.leaf][l.via])
		o = a.plan.leaves[l.leaf].candidates[l.via]
	}
	a.free[end] -= n
	for o := end; ; {
		l := a.from[o]
		a.give(l.leaf, l.candidate, n)
		if l.via < 0 {
			return n
		}
		a.given[l.leaf][l.via] -= n
		o = a.plan.leaves[l.leaf].candidates[l.via]
	}
}

// taken returns when the last of what a leaf was given begins and the first of
// it ends.
func (a *assignment) taken(leaf int) (first, last int) {
	t := &a.plan.m.timeline
	first, last = -1, len(t.times)
	for c, o := range a.plan.leaves[leaf].candidates {
		if a.given[leaf][c] > 0 {
			first = max(first, t.first[o])
			last = min(last, t.last[o])
		}
	}
	return first, last
}

// binding returns the observed-data of which something was given.
func (a *assignment) binding() Binding {
	b := Binding{}
	for i := range a.plan.m.observed {
		if a.free[i] < a.plan.m.observed[i].Number {
			b = append(b, i)
		}
	}
	return b
}
