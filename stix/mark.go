package stix

// Marking is the effective TLP of an object.
type Marking struct {
	// Level is NoLevel for an object that carries no TLP marking.
	Level Level
	// ID is the marking that gave the level and Path the pointer to where the
	// object refers to it.
	ID, Path string
}

// Mark computes the object's effective TLP: the strictest of all TLP markings
// on it, on the whole and on parts of it (STIX 2.1 §7.2).
//
// resolve tells of an identifier of a marking-definition whether it is known,
// in the submission or before it, and gives its Definition if it came with the
// submission, nil otherwise. It is asked about TLP markings too, where only the
// Definition counts: they are known as they are.
//
// A finding refuses the object, and its level must then not be relied on:
// marking-unresolved where a marking is not known, for nobody can tell what it
// demands; tlp-lookalike where one says TLP and bears no identifier of TLP, or
// bears one and does not say that level. Well-formedness of the references is
// not looked at here but by Split.
func (o *Object) Mark(resolve func(id string) (def *Definition, known bool)) (Marking, []Finding) {
	var m Marking
	var fs []Finding
	refuse := func(code, path, format string, args ...any) {
		if len(fs) < maxFindings {
			fs = append(fs, *at(code, path, format, args...))
		}
	}
	if d := o.Definition; d != nil {
		if l, known := KnownTLP(o.ID); known && !d.agrees(l) {
			refuse(codeTLPLookalike, o.Pointer, "this has the identifier of TLP %s and does not say so: leave it out, the hub knows the marking", l)
		} else if !known && d.LooksTLP {
			refuse(codeTLPLookalike, o.Pointer, "this says TLP under an identifier that is not TLP's: use the markings of STIX 2.1 §7.2.1.4 or of OASIS for TLP 2.0")
		}
	}
	for _, r := range o.MarkingRefs {
		def, resolved := resolve(r.ID)
		l, known := KnownTLP(r.ID)
		switch {
		case known && def != nil && !def.agrees(l):
			refuse(codeTLPLookalike, r.Path, "this is the identifier of TLP %s and the definition submitted with it does not say so: leave the definition out", l)
		case known:
			if l > m.Level {
				m = Marking{Level: l, ID: r.ID, Path: r.Path}
			}
		case def != nil && def.LooksTLP:
			refuse(codeTLPLookalike, r.Path, "this marking says TLP under an identifier that is not TLP's: use the markings of STIX 2.1 §7.2.1.4 or of OASIS for TLP 2.0")
		case !resolved:
			refuse(codeMarkingUnresolved, r.Path, "this marking is not known here: submit its marking-definition first, or with the object")
		}
	}
	for i := range fs {
		fs[i].Section = "STIX 2.1 §7.2"
	}
	return m, fs
}
