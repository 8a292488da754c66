package catalog

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// childDir names the variable that makes the test binary a writer.
const childDir = "SELAT_CATALOG_CHILD"

const childGroup = 7

// writeUntilKilled goes on from the positions it finds, and says so on
// standard output once it is under way.
func writeUntilKilled(dir string) {
	x, err := Open(dir, small())
	if err != nil {
		fmt.Println(err)
		return
	}
	if r := x.Recovered(); r != "" {
		fmt.Println("recovered:", r)
		return
	}
	for round := 0; ; round++ {
		for s, stream := range madeStreams {
			at, _, err := x.Position(stream)
			if err == nil {
				err = x.Apply(stream, at+childGroup, madeGroup(s, at+1, at+childGroup))
			}
			if err != nil {
				fmt.Println(err)
				return
			}
		}
		if round%20 == 0 {
			fmt.Println("go on")
		}
	}
}

func TestAKilledProcessLeavesAPrefix(t *testing.T) {
	dir := t.TempDir()
	var before [3]uint64
	for kill := range 8 {
		killOne(t, dir, 1+kill*3%7)
		x, err := Open(dir, small())
		if err != nil {
			t.Fatal(err)
		}
		if r := x.Recovered(); r != "" {
			t.Fatalf("rebuilt after kill %d: %s", kill, r)
		}
		if err := checkMade(t, x); err != nil {
			t.Fatal(err)
		}
		for s, stream := range madeStreams {
			at, _, err := x.Position(stream)
			if err != nil || at%childGroup != 0 || at < before[s] {
				t.Fatalf("position %d of %s, before %d, %v", at, stream, before[s], err)
			}
			before[s] = at
		}
		closed(t, x)
	}
	t.Logf("positions %v", before)
}

// killOne runs a writer and kills it after it reported so often.
func killOne(t *testing.T, dir string, reports int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; n < reports && lines.Scan(); n++ {
		if lines.Text() != "go on" {
			t.Errorf("the writer says: %s", lines.Text())
			break
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the writer ended by itself")
	}
}
