// Package bench measures the hub against the engine it stands on, in one run
// and on one store: objects acknowledged and objects delivered per second,
// beside what bare JetStream does with the same bytes under the same settings
// (synced writes, compression, encryption). Figures of different machines
// cannot be compared; ratios of one run can.
package bench
