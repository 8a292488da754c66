package taxii

import (
	"net/http"
	"testing"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

func TestOnlyTheOriginDeletesAndOnlyWhereItMayWrite(t *testing.T) {
	h := newHub(t)
	h.seat("sg/desk", policy.Both, stix.Amber)
	h.seat("my/desk", policy.Both, stix.Green)
	s := h.serve()
	sg, my := h.client(s, "sg/desk"), h.client(s, "my/desk")
	sg.publish("asean-green", indicator(1, january))
	sg.publish("drill-green", indicator(1, january))
	sg.publish("asean-amber", indicator(2, january))
	for _, c := range []struct {
		name string
		who  *client
		path string
		want int
	}{
		{"another member's object", my, path("asean-green", "objects/"+idOf(1)+"/"), http.StatusForbidden},
		{"an object in a collection that it may only write to", my, path("asean-amber", "objects/"+idOf(2)+"/"), http.StatusForbidden},
		{"an object that is not there", sg, path("asean-green", "objects/"+idOf(3)+"/"), http.StatusNotFound},
		{"its own where it is one of everything", sg, path("everything", "objects/"+idOf(1)+"/"), http.StatusForbidden},
		{"what is no identifier", sg, path("asean-green", "objects/x/"), http.StatusNotFound},
		{"a version that is not there", sg, path("asean-green", "objects/"+idOf(1)+"/?match[version]=2020-01-01T00:00:00.000Z"), http.StatusOK},
		{"an unknown filter", sg, path("asean-green", "objects/"+idOf(1)+"/?match[id]="+idOf(1)), http.StatusBadRequest},
	} {
		if r := c.who.do(http.MethodDelete, c.path, nil); r.Status != c.want {
			t.Errorf("deleting %s: %d, want %d: %s", c.name, r.Status, c.want, r.Body)
		}
	}
	sg.get(path("asean-green", "objects/"+idOf(1)+"/")).want(http.StatusOK)
	sg.do(http.MethodDelete, path("asean-green", "objects/"+idOf(1)+"/"), nil).want(http.StatusOK)
	my.get(path("asean-green", "objects/"+idOf(1)+"/")).want(http.StatusNotFound)
	my.get(path("drill-green", "objects/"+idOf(1)+"/")).want(http.StatusOK)
	sg.do(http.MethodDelete, path("own", "objects/"+idOf(2)+"/"), nil).want(http.StatusOK)
	sg.get(path("asean-amber", "objects/"+idOf(2)+"/")).want(http.StatusNotFound)
}
