package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newConfigCmd() *cobra.Command {
	return newGroup("config", "Look at the hub's configuration", `A hub's configuration comes from its defaults, a YAML file, environment
variables and flags, the later winning. Each setting such as tls.cert is also
SELAT_TLS__CERT in the environment.`, newConfigShowCmd())
}

func newConfigShowCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show the resulting configuration, each value with where it came from",
		Args:  arguments(),
		RunE:  configShow,
	}
	configFlags(cmd, true)
	jsonFlag(cmd)
	return cmd
}

// shownSetting is one line of config show --json.
type shownSetting struct {
	Value any    `json:"value"`
	From  string `json:"from"`
}

func configShow(cmd *cobra.Command, _ []string) error {
	l, err := loadLayers(cmd.Flags())
	if err != nil {
		return err
	}
	if wantsJSON(cmd) {
		all := map[string]shownSetting{}
		for _, s := range settings {
			v := l.values.Get(s.key)
			if s.kind.name == kindDuration.name {
				v = s.kind.show(v)
			}
			all[s.key] = shownSetting{v, l.from[s.key]}
		}
		err = printJSON(cmd, map[string]any{"file": l.file, "settings": all})
	} else {
		t := newTable(cmd, "SETTING", "VALUE", "FROM")
		for _, s := range settings {
			t.row(s.key, s.kind.show(l.values.Get(s.key)), l.from[s.key])
		}
		err = t.flush()
	}
	if bad := l.config.Check(); bad != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "A hub would not start with this:\n%v\n", bad)
	}
	return err
}
