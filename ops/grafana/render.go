package grafana

import (
	"bytes"
	"encoding/json"
	"fmt"
)

const schemaVersion = 39

type object = map[string]any

// source is the Prometheus that is chosen above every dashboard.
var source = object{"type": "prometheus", "uid": "${datasource}"}

// Sizes on Grafana's grid, which is 24 wide.
const (
	gridWidth    = 24
	numberWidth  = 4
	numberHeight = 4
	panelWidth   = 12
	panelHeight  = 8
)

// JSON is the dashboard as Grafana reads it: a panel on each line.
func (d *Dashboard) JSON() ([]byte, error) {
	head, err := marshal(object{
		"uid": "selat-" + d.Name, "title": "Selat: " + d.Title, "description": d.About, "tags": []string{"selat"},
		"schemaVersion": schemaVersion, "version": 1, "editable": true, "graphTooltip": 1, "timezone": "browser", "refresh": "30s",
		"time":        object{"from": "now-6h", "to": "now"},
		"annotations": object{"list": []any{}},
		"links": []any{object{"type": "dashboards", "title": "Selat", "tags": []string{"selat"}, "asDropdown": true, "includeVars": false, "keepTime": true,
			"icon": "external link", "tooltip": "", "targetBlank": false, "url": ""}},
		"templating": object{"list": d.variables()},
	})
	if err != nil {
		return nil, fmt.Errorf("dashboard %s: %w", d.Name, err)
	}
	var b bytes.Buffer
	b.Write(head[:len(head)-1])
	b.WriteString(",\"panels\":[")
	for i, p := range d.panels() {
		if i > 0 {
			b.WriteByte(',')
		}
		one, err := marshal(p)
		if err != nil {
			return nil, fmt.Errorf("dashboard %s: %w", d.Name, err)
		}
		b.WriteByte('\n')
		b.Write(one)
	}
	b.WriteString("\n]}\n")
	return b.Bytes(), nil
}

// marshal leaves < and > of queries as they are.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

func (d *Dashboard) variables() []any {
	list := []any{object{"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "refresh": 1}}
	for _, v := range d.Variables {
		query := fmt.Sprintf("label_values(%s, %s)", v.Metric, v.Name)
		o := object{
			"name": v.Name, "label": v.Title, "type": "query", "datasource": source, "definition": query,
			"query": object{"query": query, "refId": "A"}, "refresh": 2, "sort": 1, "multi": v.All, "includeAll": v.All,
		}
		if v.All {
			o["allValue"] = ".*"
			o["current"] = object{"text": []string{"All"}, "value": []string{"$__all"}}
		}
		list = append(list, o)
	}
	return list
}

// panels places rows one below the other, and what is in them from left to right.
func (d *Dashboard) panels() (out []object) {
	id, y := 0, 0
	place := func(p object, x, w, h int) {
		id++
		p["id"], p["gridPos"] = id, object{"x": x, "y": y, "w": w, "h": h}
		out = append(out, p)
	}
	for _, r := range d.Rows {
		place(object{"type": "row", "title": r.Title, "collapsed": false, "panels": []any{}}, 0, gridWidth, 1)
		y++
		x, tallest := 0, 0
		for i := range r.Panels {
			p := &r.Panels[i]
			w, h := p.size()
			if x+w > gridWidth || h != tallest && tallest > 0 {
				x, y, tallest = 0, y+tallest, 0
			}
			place(p.object(), x, w, h)
			x, tallest = x+w, max(tallest, h)
		}
		y += tallest
	}
	return out
}

func (p *Panel) size() (w, h int) {
	switch {
	case p.Kind == Number:
		return numberWidth, numberHeight
	case p.Wide:
		return gridWidth, panelHeight
	}
	return panelWidth, panelHeight
}

func (p *Panel) object() object {
	kind := p.Kind
	if kind == Matrix {
		kind = Table
	}
	var targets []any
	for i, q := range p.Queries {
		t := object{"refId": string(rune('A' + i)), "datasource": source, "expr": q.Expr}
		if q.Legend != "" {
			t["legendFormat"] = q.Legend
		}
		if kind == Lines {
			t["range"] = true
		} else {
			t["instant"] = true
		}
		if kind == Table {
			t["format"] = "table"
		}
		targets = append(targets, t)
	}
	o := object{
		"type": kind, "title": p.Title, "datasource": source, "targets": targets,
		"fieldConfig": object{"defaults": p.defaults(), "overrides": []any{}},
		"options":     p.options(),
	}
	if p.About != "" {
		o["description"] = p.About
	}
	if t := p.transformations(); t != nil {
		o["transformations"] = t
	}
	return o
}

func (p *Panel) defaults() object {
	steps := []any{object{"color": "green", "value": nil}}
	switch {
	case p.Bad != nil:
		steps = append(steps, object{"color": "red", "value": *p.Bad})
	case p.Good != nil:
		steps = []any{object{"color": "red", "value": nil}, object{"color": "green", "value": *p.Good}}
	}
	d := object{"unit": p.Unit, "thresholds": object{"mode": "absolute", "steps": steps}}
	if p.Unit == "" {
		d["unit"] = "short"
	}
	if p.Kind == Lines {
		d["min"] = 0
		d["custom"] = object{"fillOpacity": 10, "showPoints": "never"}
	}
	return d
}

func (p *Panel) options() object {
	switch p.Kind {
	case Number:
		return object{"reduceOptions": object{"calcs": []string{"lastNotNull"}, "fields": "", "values": false}, "colorMode": "value", "graphMode": "none", "textMode": "auto",
			"justifyMode": "auto", "orientation": "auto", "wideLayout": true, "showPercentChange": false, "percentChangeColorMode": "standard"}
	case Lines:
		return object{
			"legend":  object{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []any{}},
			"tooltip": object{"mode": "multi", "sort": "desc"},
		}
	}
	return object{"showHeader": true, "cellHeight": "sm", "frameIndex": 0}
}

// transformations make a table of what was asked: without the time, and joined.
func (p *Panel) transformations() []any {
	switch p.Kind {
	case Matrix:
		return []any{object{"id": "groupingToMatrix", "options": object{"rowField": p.Rows, "columnField": p.Columns, "valueField": "Value"}}}
	case Table:
		names := object{}
		for i, q := range p.Queries {
			if q.Legend != "" {
				names["Value #"+string(rune('A'+i))] = q.Legend
			}
		}
		return []any{
			object{"id": "merge", "options": object{}},
			object{"id": "organize", "options": object{"excludeByName": object{"Time": true}, "indexByName": object{}, "renameByName": names}},
		}
	}
	return nil
}
