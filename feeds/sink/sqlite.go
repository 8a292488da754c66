package sink

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // in Go, so that the program is built without cgo
)

var sqliteFormat = Format{
	Name: "sqlite", About: "the table for analysts as an SQLite database", Default: "selat.sqlite",
	File: func(Settings) (File, error) { return sqliteTable{}, nil },
}

type sqliteTable struct{}

// Render makes the database in a file of its own and copies that: nobody reads
// one that is half written.
func (sqliteTable) Render(ctx context.Context, w io.Writer, entries iter.Seq[Entry], _ time.Time) (Count, error) {
	dir, err := os.MkdirTemp("", "selat-sqlite-")
	if err != nil {
		return Count{}, fmt.Errorf("making the database: %w", err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "table")
	count, err := fillDatabase(ctx, path, entries)
	if err != nil {
		return count, fmt.Errorf("making the database: %w", err)
	}
	if err := intact(ctx, path); err != nil {
		return count, fmt.Errorf("checking the database: %w", err)
	}
	file, err := os.Open(path)
	if err != nil {
		return count, fmt.Errorf("copying the database: %w", err)
	}
	defer file.Close()
	_, err = io.Copy(w, file)
	return count, err
}

func fillDatabase(ctx context.Context, path string, entries iter.Seq[Entry]) (Count, error) {
	at := url.URL{Scheme: "file", Path: path, RawQuery: "_pragma=journal_mode(off)&_pragma=synchronous(off)"}
	db, err := sql.Open("sqlite", at.String())
	if err != nil {
		return Count{}, err
	}
	defer db.Close()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return Count{}, err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, "create table entries ("+strings.Join(columns, " text, ")+" text)"); err != nil {
		return Count{}, err
	}
	marks := strings.TrimSuffix(strings.Repeat("?,", len(columns)), ",")
	insert, err := tx.PrepareContext(ctx, "insert into entries values ("+marks+")")
	if err != nil {
		return Count{}, err
	}
	defer insert.Close()
	cells := make([]any, len(columns))
	count, err := eachRow(ctx, entries, func(row []string) error {
		for i := range row {
			cells[i] = row[i]
		}
		_, err := insert.ExecContext(ctx, cells...)
		return err
	})
	if err != nil {
		return count, err
	}
	for _, column := range []string{"value", "id", "type"} {
		if _, err := tx.ExecContext(ctx, "create index entries_"+column+" on entries ("+column+")"); err != nil {
			return count, err
		}
	}
	if err := tx.Commit(); err != nil {
		return count, err
	}
	return count, db.Close()
}

// intact has SQLite look through a database.
func intact(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: "mode=ro"}).String())
	if err != nil {
		return err
	}
	defer db.Close()
	var said string
	if err := db.QueryRowContext(ctx, "pragma integrity_check(1)").Scan(&said); err != nil {
		return err
	}
	if said != "ok" {
		return errors.New("it is damaged")
	}
	return db.Close()
}
