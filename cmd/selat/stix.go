package main

import "github.com/spf13/cobra"

// newStixCmd holds the verbs that look at STIX on this machine. None of them
// needs a hub, and nothing leaves the machine.
func newStixCmd() *cobra.Command {
	return newGroup("stix", "Check and look into STIX 2.1 files, without a hub",
		`Looks at STIX 2.1 in files on this machine, without a hub. Every verb reads
bundles, TAXII envelopes, single objects and objects one after another, such as
one on each line, in files of any size; - is standard input. One object has at
most 1 MiB.`,
		newStixValidateCmd(), newStixTLPCmd(), newStixIDCmd(), newStixMatchCmd(), newStixValuesCmd())
}
