package broker

import (
	"testing"

	"github.com/selat-hub/selat/broker/catalog"
)

func TestAPageHoldsNoMoreThanAnAnswerShould(t *testing.T) {
	items := func(sizes ...int) (out []catalog.Item) {
		for i, n := range sizes {
			out = append(out, catalog.Item{Length: n, Place: catalog.Place{Added: int64(10 * (i + 1))}})
		}
		return out
	}
	for name, c := range map[string]struct {
		sizes []int
		want  int
	}{
		"what fits stays":           {[]int{maxReadBytes / 2, maxReadBytes / 2}, 2},
		"what does not is left out": {[]int{maxReadBytes / 2, maxReadBytes / 2, 1, 1}, 2},
		"the first always comes":    {[]int{maxReadBytes + 1, 1}, 1},
		"nothing stays nothing":     {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := shortened(catalog.Page{Items: items(c.sizes...), Next: 99})
			cut := c.want < len(c.sizes)
			if len(got.Items) != c.want || got.More != cut || cut && got.Next != int64(10*c.want) || !cut && got.Next != 99 {
				t.Errorf("%d items, more %v, next %d", len(got.Items), got.More, got.Next)
			}
		})
	}
}
