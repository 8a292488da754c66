package main

import "github.com/spf13/cobra"

// trafficCmds are the commands of a seat.
func trafficCmds() []*cobra.Command {
	return []*cobra.Command{
		newPublishCmd(),
		newFeedCmd(),
		newSinkCmd(),
		newSubscribeCmd(),
		newWhoamiCmd(),
		newReceiptsCmd(),
		newRecallCmd(),
		newFeedbackCmd(),
		newLookupCmd(),
		newRouteCmd(),
	}
}

// moreCmds are the commands that need no hub of one's own.
func moreCmds() []*cobra.Command {
	return []*cobra.Command{newDoctorCmd(), newStixCmd(), newTaxiiCmd(), newDemoCmd(), newBenchCmd()}
}
