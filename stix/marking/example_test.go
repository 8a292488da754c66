package marking_test

import (
	"fmt"

	"github.com/selat-hub/selat/stix/marking"
)

func Example() {
	object := []byte(`{"type":"indicator", "name":"Host of a botnet", "pattern":"[ipv4-addr:value = '192.0.2.7']"}`)
	const green = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"
	const amber = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"

	object, err := marking.Add(object, green)
	if err != nil {
		fmt.Println(err)
		return
	}
	object, err = marking.AddAt(object, []marking.Mark{{Ref: amber}}, []string{"pattern"})
	if err != nil {
		fmt.Println(err)
		return
	}
	why, err := marking.Explain(object, "pattern")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range why {
		fmt.Println(r.Level, r.Path, r.Inherited)
	}
	// Output:
	// green /object_marking_refs/0 true
	// amber /granular_markings/0/selectors/0 false
}
