package client_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/stix"
)

func Example() {
	ctx := context.Background()
	c, err := client.Connect(ctx, client.Options{CredsFile: "my-feed.creds"})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	me, err := c.Whoami(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(me.Seat, "may hold up to", me.Ceiling)
}

// One submission, and what became of each object in it.
func ExampleClient_Submit() {
	ctx := context.Background()
	c, err := client.Connect(ctx, client.Options{CredsFile: "sg-feed.creds"})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	object := []byte(`{"type":"indicator","spec_version":"2.1", ...}`)
	receipt, err := c.Submit(ctx, object, client.SubmitOptions{To: []string{"asean"}, Unmarked: stix.Green})
	if err != nil {
		log.Fatal(err) // submitting it again is safe
	}
	for _, o := range receipt.Objects {
		fmt.Println(o.ID, o.Outcome, o.Stream, o.Sequence)
	}
}

// A file of any size, with the objects that were refused.
func ExampleClient_Publish() {
	ctx := context.Background()
	c, err := client.Connect(ctx, client.Options{CredsFile: "sg-feed.creds"})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	sum, err := c.Publish(ctx, []client.Source{client.File("enterprise-attack.json")}, client.PublishOptions{
		SubmitOptions: client.SubmitOptions{Unmarked: stix.Clear},
		Patience:      time.Minute,
		OnLine: func(l client.Line) error {
			if l.Outcome == api.Refused {
				fmt.Println(l.ID, l.Findings[0].Error())
			}
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(sum)
}

// Everything the seat may read, each object once, over any restart.
func ExampleClient_Subscribe() {
	ctx := context.Background()
	c, err := client.Connect(ctx, client.Options{CredsFile: "my-feed.creds", Wait: true})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	err = c.Subscribe(ctx, func(ctx context.Context, d client.Delivery) error {
		fmt.Println(d.Origin, d.Level, d.ID, len(d.Object))
		return nil // an error has the object come again
	}, client.SubscribeOptions{StateDir: "/var/lib/my-feed", Types: []string{"indicator"}})
	if err != nil {
		log.Fatal(err)
	}
}
