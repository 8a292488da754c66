package broker_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// wire keeps the connection under a client, to write onto it what no client
// would send.
type wire struct {
	nc *nats.Conn
	mu sync.Mutex
	c  net.Conn
}

func (w *wire) Dial(network, address string) (net.Conn, error) {
	c, err := net.Dial(network, address)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.c = c
	return c, err
}

func (s *seat) wire(url string) *wire {
	s.t.Helper()
	w := &wire{}
	var err error
	w.nc, err = nats.Connect(url, nats.UserCredentials(s.creds), nats.SetCustomDialer(w), nats.NoReconnect(), nats.Timeout(patience),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	must(s.t, err)
	s.t.Cleanup(w.nc.Close)
	return w
}

// send writes bytes beneath the client, as far as the hub takes them.
func (w *wire) send(b []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.c.SetWriteDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return err
	}
	_, err := w.c.Write(b)
	return err
}

func TestAHundredMegabytesDropOnlyTheirOwnConnection(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Publisher, stix.Clear)
	others := h.traffic("us/feed")
	for _, command := range []string{"PUB submit %d\r\n", "HPUB submit 12 %d\r\nNATS/1.0\r\n\r\n"} {
		w := sg.wire(h.URL())
		err := w.send(fmt.Appendf(nil, command, 100<<20))
		for sent := 0; err == nil && sent < 100<<20; sent += 1 << 20 {
			err = w.send(bytes.Repeat([]byte("A"), 1<<20))
		}
		awaitTrue(t, 20*time.Second, "the connection is dropped", w.nc.IsClosed)
		if r := sg.submit(bundle(indicator(1, stix.Clear)), "region"); r.Accepted+r.Duplicate != 1 {
			t.Errorf("another connection of the same seat: %+v", r)
		}
		others.goesOn(t)
	}
	if _, err := sg.nc.Request(api.SubjectSubmit, make([]byte, 100<<20), time.Second); !errors.Is(err, nats.ErrMaxPayload) {
		t.Errorf("a stock client tries it: %v", err)
	}
}

func TestSlowConnectionsHoldNobodyUp(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Publisher, stix.Clear)
	reader := h.seat("my/desk", policy.Subscriber, stix.Clear)
	others := h.traffic("us/feed")
	const silent = 200
	var dropped sync.WaitGroup
	fail := make(chan error, silent)
	for i := range silent {
		c, err := net.Dial("tcp", strings.TrimPrefix(h.URL(), "nats://"))
		must(t, err)
		must(t, c.SetDeadline(time.Now().Add(40*time.Second)))
		dropped.Add(1)
		go func() {
			defer dropped.Done()
			defer c.Close() //nolint:errcheck // the other side has closed it
			if i%2 == 1 {
				dropped.Go(func() { trickle(c, `CONNECT {"verbose":false,"pedantic":false,"lang":"go"`) })
			}
			if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
				fail <- fmt.Errorf("connection %d was never dropped", i)
			}
		}()
	}
	// One that is let in and then sends a byte at a time may stay, and hurts
	// nobody.
	w := sg.wire(h.URL())
	must(t, w.send([]byte("PUB submit 1000000\r\n{")))
	others.goesOn(t)
	for range 20 {
		must(t, w.send([]byte(" ")))
		others.goesOn(t)
	}
	dropped.Wait()
	close(fail)
	for err := range fail {
		t.Error(err)
	}
	w.nc.Close()
	others.goesOn(t)
	if got := reader.drain()["CTI_REGION_CLEAR"]; len(got) == 0 {
		t.Error("the reader received nothing meanwhile")
	}
}

// trickle writes a byte at a time until the other side has enough.
func trickle(c net.Conn, s string) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		<-tick.C
		if _, err := c.Write([]byte{s[i%len(s)]}); err != nil {
			return
		}
	}
}

func TestMalformedRequestsAreAnsweredOrDropped(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Both, stix.Clear)
	others := h.traffic("us/feed")
	good := string(bundle(indicator(1, stix.Clear)))
	for _, headers := range []string{
		"NATS/1.0\r\nno colon\r\n\r\n",
		"NATS/1.0\r\n: no name\r\n\r\n",
		"NATS/1.0\r\nSelat-To asean\r\n\r\n",
		"NATS/1.0\r\nSelat-To: reg\x00ion\r\n\r\n",
		"NATS/1.0\r\nSelat-To: \xff\xfe\r\n\r\n",
		"NATS/1.0\r\nSelat-To: region",
		"NATS/1.0 503\r\n\r\n",
		"NATS/1.0 999 What\r\nStatus: 503\r\nDescription: x\r\n\r\n",
		"NATS/2.0\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n",
		strings.Repeat("x", 100),
		"NATS/1.0\r\n" + strings.Repeat("Selat-To: region\r\n", 5000) + "\r\n",
		"NATS/1.0\r\nNats-Rollup: all\r\nNats-TTL: 1s\r\nNats-Expected-Last-Sequence: 9\r\nNats-Msg-Id: x\r\nSelat-Origin: us\r\n\r\n",
	} {
		w := sg.wire(h.URL())
		inbox := "_INBOX.wire." + fmt.Sprint(len(headers))
		answers, err := w.nc.SubscribeSync(inbox)
		must(t, err)
		must(t, w.nc.Flush())
		for _, subject := range []string{api.SubjectSubmit, api.SubjectWhoami, api.SubjectRoute, api.SubjectReplay, api.SubjectReceipts, api.SubjectLookup, api.SubjectManifest} {
			must(t, w.send(fmt.Appendf(nil, "HPUB %s %s %d %d\r\n%s%s\r\n", subject, inbox, len(headers), len(headers)+len(good), headers, good)))
			m, err := answers.NextMsg(20 * time.Second)
			if err != nil {
				t.Errorf("%s with headers %.40q: no answer: %v", subject, headers, err)
			} else if len(m.Data) == 0 || m.Data[0] != '{' {
				t.Errorf("%s with headers %.40q: %q", subject, headers, m.Data)
			}
		}
		w.nc.Close()
		others.goesOn(t)
	}
	for _, raw := range []string{"PUB submit\r\n\r\n", "PUB submit -1\r\n\r\n", "HPUB submit 20 10\r\n", "GET / HTTP/1.1\r\n\r\n", strings.Repeat("A", 8192), "\x16\x03\x01\x02\x00"} {
		w := sg.wire(h.URL())
		must(t, w.send([]byte(raw)))
		awaitTrue(t, 20*time.Second, fmt.Sprintf("%.20q drops its connection", raw), w.nc.IsClosed)
		others.goesOn(t)
	}
}

// A request without a reply subject gets no answer, holds nothing, and is
// counted.
func TestARequestThatWantsNoAnswerHoldsNothing(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Both, stix.Clear)
	const n = 100
	for i := range n {
		for _, subject := range []string{api.SubjectSubmit, api.SubjectWhoami, api.SubjectStreams, api.SubjectReplay, api.SubjectReceipts, api.SubjectRoute, api.SubjectLookup, api.SubjectManifest} {
			must(t, sg.nc.Publish(subject, bundle(indicator(i, stix.Clear))))
		}
		must(t, sg.nc.Publish(api.SubjectSubmit, nil))
	}
	must(t, sg.nc.Flush())
	// Stored nonetheless: whoever asks is told.
	awaitTrue(t, 20*time.Second, "the last one is stored", func() bool {
		r := sg.submit(bundle(indicator(n-1, stix.Clear)), "region")
		return r.Duplicate == 1 || r.Accepted == 1
	})
	// It asked more than a seat may in a second, and is heard again soon.
	awaitTrue(t, 20*time.Second, "the seat is told who it is", func() bool {
		m, err := sg.nc.Request(api.SubjectWhoami, nil, 10*time.Second)
		must(t, err)
		var got api.Whoami
		must(t, json.Unmarshal(m.Data, &got))
		return got.Seat == "sg/feed"
	})
	must(t, h.Ready())
}

// What a connection that speaks no NATS at all reads first.
func TestTheListenerGreetsAndTellsNothingOfTheRegion(t *testing.T) {
	h := newTestHub(t)
	c, err := net.Dial("tcp", strings.TrimPrefix(h.URL(), "nats://"))
	must(t, err)
	defer c.Close() //nolint:errcheck // only read
	must(t, c.SetDeadline(time.Now().Add(20*time.Second)))
	line, err := bufio.NewReader(c).ReadString('\n')
	must(t, err)
	if !strings.HasPrefix(line, "INFO {") || strings.Contains(line, "asean") || !strings.Contains(line, `"auth_required":true`) {
		t.Errorf("greeting: %s", line)
	}
}
