package cli

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// completionCmd prints a completion script. It is made from the grammar, so it cannot miss a flag.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Run prints the script.
func (c *completionCmd) Run(a *app) error {
	words := map[string][]string{"": flagsOf(a.model.Node)}
	var commands []string
	for _, n := range a.model.Leaves(true) {
		path := strings.TrimPrefix(n.FullPath(), a.model.Name+" ")
		first, rest, nested := strings.Cut(path, " ")
		if _, seen := words[first]; !seen {
			commands = append(commands, first)
		}
		words[first] = append(words[first], flagsOf(n)...)
		if nested {
			words[first] = append(words[first], strings.Fields(rest)[0])
		}
	}
	words[""] = append(commands, words[""]...)
	if c.Shell == "fish" {
		return a.print(fishScript(commands, words))
	}
	script := bashScript(commands, words)
	if c.Shell == "zsh" {
		script = "#compdef twinspan\nautoload -U +X bashcompinit && bashcompinit\n" + script
	}
	return a.print(script)
}

func flagsOf(n *kong.Node) []string {
	var out []string
	for _, f := range n.Flags {
		if !f.Hidden {
			out = append(out, "--"+f.Name)
		}
	}
	return out
}

func bashScript(commands []string, words map[string][]string) string {
	var b strings.Builder
	b.WriteString("_twinspan() {\n  local words\n  case \"${COMP_WORDS[1]}\" in\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "    %s) words=%q ;;\n", c, strings.Join(words[c], " "))
	}
	fmt.Fprintf(&b, "    *) words=%q ;;\n  esac\n", strings.Join(words[""], " "))
	fmt.Fprintf(&b, "  [ \"$COMP_CWORD\" -le 1 ] && words=%q\n", strings.Join(words[""], " "))
	b.WriteString("  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n}\ncomplete -o default -F _twinspan twinspan\n")
	return b.String()
}

func fishScript(commands []string, words map[string][]string) string {
	var b strings.Builder
	for _, c := range commands {
		fmt.Fprintf(&b, "complete -c twinspan -n __fish_use_subcommand -f -a %s\n", c)
		for _, w := range words[c] {
			if name, ok := strings.CutPrefix(w, "--"); ok {
				fmt.Fprintf(&b, "complete -c twinspan -n '__fish_seen_subcommand_from %s' -l %s\n", c, name)
			} else {
				fmt.Fprintf(&b, "complete -c twinspan -n '__fish_seen_subcommand_from %s' -f -a %s\n", c, w)
			}
		}
	}
	return b.String()
}
