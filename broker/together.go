package broker

import (
	"context"
	"errors"
	"sync"
)

// eachOf calls do for every name, some at a time, and returns when all are done. After an
// error it begins no more.
func eachOf(ctx context.Context, atOnce int, names []string, do func(context.Context, string) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		work sync.WaitGroup
		mu   sync.Mutex
		errs []error
	)
	next := make(chan string)
	for range min(atOnce, len(names)) {
		work.Go(func() {
			for name := range next {
				if err := do(ctx, name); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
					cancel()
				}
			}
		})
	}
	for _, name := range names {
		select {
		case next <- name:
		case <-ctx.Done():
		}
	}
	close(next)
	work.Wait()
	if len(errs) == 0 {
		return ctx.Err()
	}
	return errors.Join(errs...)
}
