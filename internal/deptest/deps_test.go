package deptest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/skua/skua"

// pkg is what go list says of a package.
type pkg struct {
	ImportPath string
	Imports    []string // of the package itself, without its tests
	Deps       []string // all that it imports, at any distance
	CgoFiles   []string
	Error      *struct{ Err string }
}

// list runs go list on the module's packages, with cgo on or off.
func list(t *testing.T, cgo string) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-deps", "-json=ImportPath,Imports,Deps,CgoFiles,Error", module+"/...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v: %s", err, stderr.String())
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("go list wrote what is not JSON: %v", err)
		}
		if p.ImportPath == module || strings.HasPrefix(p.ImportPath, module+"/") {
			all = append(all, p)
		}
	}
	if len(all) < 3 {
		t.Fatalf("go list found %d packages of %s", len(all), module)
	}
	return all
}

// dir is a package's folder within the module.
func dir(path string) string { return strings.TrimPrefix(strings.TrimPrefix(path, module), "/") }

// within reports whether a package stands in a folder or below it.
func within(path, folder string) bool {
	d := dir(path)
	return d == folder || strings.HasPrefix(d, folder+"/")
}

// project keeps the imports that are the project's own.
func project(paths []string) (out []string) {
	for _, p := range paths {
		if strings.HasPrefix(p, module+"/") {
			out = append(out, p)
		}
	}
	return out
}

// layers are the folders of the design from the top down: a package imports only
// from folders below its own, or beside it within internal.
var layers = [][]string{
	{"cmd"},
	{"bridge", "cgo"},
	{"ovsdb", "ofproto", "pmd", "offload"},
	{"openflow"},
	{"internal"},
}

// level is the place of a package's folder in layers, -1 if it has none.
func level(path string) int {
	for i, folders := range layers {
		if slices.ContainsFunc(folders, func(f string) bool { return within(path, f) }) {
			return i
		}
	}
	return -1
}

// broken returns what is wrong with the imports of a set of packages.
func broken(pkgs []pkg) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, p := range pkgs {
		me := p.ImportPath
		if level(me) < 0 {
			say("%s stands in a folder that the design does not have", dir(me))
			continue
		}
		if len(p.CgoFiles) > 0 && dir(me) != "cgo" {
			say("%s has import \"C\" in %v; only cgo may", dir(me), p.CgoFiles)
		}
		if within(me, "internal/dp") && len(project(p.Deps)) > 0 {
			say("%s imports %v; it imports nothing of the project", dir(me), project(p.Deps))
		}
		for _, dep := range p.Deps {
			if within(dep, "cgo") && !within(me, "cmd") && !within(me, "cgo") {
				say("%s reaches %s; only cmd imports cgo", dir(me), dir(dep))
			}
		}
		for _, dep := range project(p.Imports) {
			same := strings.Split(dir(me), "/")[0] == strings.Split(dir(dep), "/")[0]
			if !same && level(dep) <= level(me) {
				say("%s imports %s; imports run one way, downwards: %v", dir(me), dir(dep), layers)
			}
			if within(me, "cgo") && !same && !within(dep, "internal/dp") {
				say("%s imports %s; cgo imports internal/dp and nothing else of the project", dir(me), dir(dep))
			}
		}
	}
	return out
}

func TestImports(t *testing.T) {
	for _, s := range broken(list(t, "1")) {
		t.Error(s)
	}
}

// Everything but cgo and cmd builds without a C compiler.
func TestBuildsWithoutCgo(t *testing.T) {
	var paths []string
	for _, p := range list(t, "0") {
		if within(p.ImportPath, "cgo") || within(p.ImportPath, "cmd") {
			continue
		}
		if p.Error != nil {
			t.Errorf("%s: %s", dir(p.ImportPath), p.Error.Err)
			continue
		}
		if slices.Contains(p.Deps, "runtime/cgo") {
			t.Errorf("%s depends on runtime/cgo", dir(p.ImportPath))
		}
		paths = append(paths, p.ImportPath)
	}
	cmd := exec.Command("go", append([]string{"build"}, paths...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("go build without cgo: %v\n%s", err, out)
	}
}

// The rules themselves: each case breaks one.
func TestRulesSeeFaults(t *testing.T) {
	p := func(path string, deps ...string) pkg {
		for i := range deps {
			deps[i] = module + "/" + deps[i]
		}
		return pkg{ImportPath: module + "/" + path, Imports: deps, Deps: deps}
	}
	good := []pkg{
		p("cmd/skua", "cgo", "bridge", "internal/obs"), p("bridge", "ofproto/tnl", "pmd", "internal/dp"), p("cgo", "internal/dp"),
		p("ofproto/learn", "ofproto/tnl", "openflow", "internal/odp"), p("internal/odp", "internal/dp"), p("internal/dp"),
	}
	if bad := broken(good); len(bad) > 0 {
		t.Errorf("the design's own imports: %v", bad)
	}
	c := p("ofproto/x")
	c.CgoFiles = []string{"x.go"}
	for name, fault := range map[string]pkg{
		"cgo from bridge":       p("bridge", "cgo"),
		"cgo from internal":     p("internal/lab", "cgo"),
		"dp imports":            p("internal/dp", "internal/odp"),
		"ofproto to bridge":     p("ofproto", "bridge"),
		"ofproto to pmd":        p("ofproto", "pmd"),
		"cgo to odp":            p("cgo", "internal/odp"),
		"internal to ofproto":   p("internal/appctl", "ofproto"),
		"a folder of no design": p("extra"),
		"import C elsewhere":    c,
	} {
		if len(broken([]pkg{fault})) == 0 {
			t.Errorf("%s passes", name)
		}
	}
}
