package broker

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/selat-hub/selat/broker/policy"
)

// joinFile is what a further node needs: keys that all nodes share, the certificate of
// its own routes, and which nodes there are.
type joinFile struct {
	Format    int               `json:"format"`
	Name      string            `json:"name"`
	Advertise string            `json:"advertise,omitempty"`
	Cluster   Cluster           `json:"cluster"`
	Encrypt   bool              `json:"encrypt"`
	Keys      map[string][]byte `json:"keys"`
	Directory []byte            `json:"directory,omitempty"`
}

const (
	joinFormat = 1
	joinFolder = "join"
	// maxJoinFile bounds what is read of one.
	maxJoinFile = 16 << 20
)

// InitCluster prepares a data folder as the node cfg.Cluster.Node of a new cluster, and
// a join file for each of the others in its folder join, sealed with the code that it
// returns: 128 bits, told nowhere else unless code is given. The directory begins with
// first, nil for an empty one. It refuses a folder that already holds a hub. Nothing is
// started.
func InitCluster(cfg Config, first *policy.Region, code string) (string, error) {
	if err := vacant(&cfg); err != nil {
		return "", err
	}
	if code == "" {
		code = rand.Text()
	}
	err := initCluster(&cfg, first, code)
	if err != nil {
		for _, dir := range folders(&cfg) {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}
	return code, err
}

func initCluster(cfg *Config, first *policy.Region, code string) error {
	nodes, err := cfg.AllNodes()
	if err != nil {
		return fmt.Errorf("cluster.nodes: %w", err)
	}
	if err := makeKeys(cfg); err != nil {
		return err
	}
	dir := cfg.path(keysFolder)
	k, err := loadNodeKeys(cfg)
	if err != nil {
		return err
	}
	if err := writeAdminCreds(k, cfg); err != nil {
		return err
	}
	authority, err := newRouteAuthority()
	if err != nil {
		return err
	}
	var directory []byte
	if first != nil {
		directory, err = json.Marshal(directoryRecord{Format: directoryFormat, Changed: time.Now().UTC(), Members: first.Members, Seats: first.Seats, Communities: first.Communities})
		if err != nil {
			return fmt.Errorf("writing the directory: %w", err)
		}
		if err := writeSecret(cfg.path(firstDirectory), directory); err != nil {
			return err
		}
	}
	shared, err := sharedKeys(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(cfg.path(joinFolder), 0o700); err != nil {
		return fmt.Errorf("making the folder of join files: %w", err)
	}
	for _, n := range nodes {
		own, err := authority.routeFiles(n)
		if err != nil {
			return err
		}
		if n.Name == cfg.Cluster.Node {
			if err := writeSecrets(dir, own); err != nil {
				return err
			}
			continue
		}
		j := joinFile{Format: joinFormat, Name: cfg.Name, Advertise: cfg.Advertise, Encrypt: cfg.Store.Encrypt, Keys: own, Directory: directory,
			Cluster: Cluster{Node: n.Name, Listen: listenFor(n), Nodes: cfg.Cluster.Nodes}}
		for name, b := range shared {
			j.Keys[name] = b
		}
		sealed, err := j.seal(code)
		if err != nil {
			return err
		}
		if err := writeSecret(cfg.path(joinFolder, n.Name+".join"), sealed); err != nil {
			return err
		}
	}
	return nil
}

// listenFor is where a node listens for the others if nothing else is said: on every
// address, or on loopback where it is reached there.
func listenFor(n Node) string {
	host, port, err := net.SplitHostPort(n.Route)
	if err != nil || Loopback(host) {
		return n.Route
	}
	return net.JoinHostPort("0.0.0.0", port)
}

// ClusterOf is the cluster's settings on its first node.
func ClusterOf(nodes []string) (Cluster, error) {
	c := Config{Cluster: Cluster{Nodes: nodes}}
	all, err := c.AllNodes()
	if err != nil {
		return Cluster{}, err
	}
	first, err := ParseNode(nodes[0])
	if err != nil {
		return Cluster{}, err
	}
	if len(all) != 3 && len(all) != 5 {
		return Cluster{}, fmt.Errorf("a cluster has three or five nodes, not %d: only then does it go on when one is lost", len(all))
	}
	return Cluster{Node: first.Name, Listen: listenFor(first), Nodes: nodes}, nil
}

// sharedKeys are the keys that every node has. The operator's own is not among them.
func sharedKeys(dir string) (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, name := range []string{fileOperatorJWT, fileSigning, fileSys, fileHub, fileOwn, fileSeats, fileStore, fileAdminCreds} {
		b, err := ReadSecret(filepath.Join(dir, name))
		if err != nil {
			return nil, fmt.Errorf("reading key %s: %w", name, err)
		}
		out[name] = b
	}
	return out, nil
}

func (j *joinFile) seal(code string) ([]byte, error) {
	to, err := age.NewScryptRecipient(code)
	if err != nil {
		return nil, fmt.Errorf("sealing the join file: %w", err)
	}
	to.SetWorkFactor(15) // the code has 128 bits of its own
	b, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to)
	if err != nil {
		return nil, fmt.Errorf("sealing the join file: %w", err)
	}
	if _, err := w.Write(b); err != nil {
		return nil, fmt.Errorf("sealing the join file: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("sealing the join file: %w", err)
	}
	return out.Bytes(), nil
}

func openJoin(sealed io.Reader, code string) (*joinFile, error) {
	id, err := age.NewScryptIdentity(strings.TrimSpace(code))
	if err != nil {
		return nil, fmt.Errorf("opening the join file: %w", err)
	}
	r, err := age.Decrypt(io.LimitReader(sealed, maxJoinFile), id)
	if err != nil {
		return nil, errors.New("the code does not open this join file: it was printed when the first node was prepared")
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("opening the join file: %w", err)
	}
	var j joinFile
	if err := json.Unmarshal(b, &j); err != nil {
		return nil, fmt.Errorf("reading the join file: %w", err)
	}
	if j.Format != joinFormat {
		return nil, fmt.Errorf("the join file has format %d, this program reads %d: use the program that wrote it", j.Format, joinFormat)
	}
	return &j, nil
}

// Join prepares a data folder as a further node of a cluster, with a join file that
// InitCluster sealed with a code, and returns cfg with the cluster's settings. It
// refuses a folder that already holds a hub.
func Join(cfg Config, sealed io.Reader, code string) (Config, error) {
	if err := vacant(&cfg); err != nil {
		return cfg, err
	}
	j, err := openJoin(sealed, code)
	if err != nil {
		return cfg, err
	}
	cfg.Name, cfg.Advertise, cfg.Store.Encrypt, cfg.Cluster = j.Name, j.Advertise, j.Encrypt, j.Cluster
	dir := cfg.path(keysFolder)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return cfg, fmt.Errorf("making the keys folder: %w", err)
	}
	err = func() error {
		for name := range j.Keys {
			if filepath.Base(name) != name {
				return fmt.Errorf("the join file names a key %q", name)
			}
		}
		if j.Directory != nil {
			if err := writeSecret(cfg.path(firstDirectory), j.Directory); err != nil {
				return err
			}
		}
		// Last, because its presence says that the folder is complete.
		complete := j.Keys[fileOperatorJWT]
		delete(j.Keys, fileOperatorJWT)
		if err := writeSecrets(dir, j.Keys); err != nil {
			return err
		}
		return writeSecret(filepath.Join(dir, fileOperatorJWT), complete)
	}()
	if err != nil {
		for _, dir := range folders(&cfg) {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}
	return cfg, err
}
