package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// printHelp is kong's help, with flags of which one is needed shown as a choice in the usage line, and beneath a family of
// commands what it does where none of them is named.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	text, err := helpText(options, ctx)
	if err != nil {
		return err
	}
	selected := ctx.Selected()
	if selected != nil && selected.DefaultCmd != nil {
		unnamed := *ctx
		unnamed.Path = append(slices.Clone(ctx.Path), &kong.Path{Parent: selected, Command: selected.DefaultCmd})
		options.NoAppSummary = true
		more, err := helpText(options, &unnamed)
		if err != nil {
			return err
		}
		text = strings.Replace(text, " <command>", " [<command>]", 1) +
			"\nWithout a command \"twinspan " + selected.Path() + "\" is \"twinspan " + selected.DefaultCmd.Path() + "\":\n" + more
	}
	_, err = io.WriteString(ctx.Stdout, text)
	return err
}

// helpText is kong's help of the command that ctx has selected.
func helpText(options kong.HelpOptions, ctx *kong.Context) (string, error) {
	var b strings.Builder
	printed := *ctx
	app := *ctx.Kong
	app.Stdout = &b
	printed.Kong = &app
	err := kong.DefaultHelpPrinter(options, &printed)
	return showChoices(b.String(), ctx.Selected()), err
}

// showChoices puts "(--a | --b)" where kong has "--a --b" of flags that exclude each other.
func showChoices(help string, command *kong.Node) string {
	if command == nil {
		return help
	}
	choices := map[string][]string{}
	var order []string
	for _, f := range command.Flags {
		if !f.Required || len(f.Xor) == 0 {
			continue
		}
		name := f.Xor[0]
		if choices[name] == nil {
			order = append(order, name)
		}
		choices[name] = append(choices[name], f.Summary())
	}
	for _, name := range order {
		if all := choices[name]; len(all) > 1 {
			help = strings.Replace(help, strings.Join(all, " "), "("+strings.Join(all, " | ")+")", 1)
		}
	}
	return help
}

// hint says where to read how a command is called.
func (a *app) hint(ctx *kong.Context) {
	command := "twinspan"
	if ctx != nil {
		for word := range strings.FieldsSeq(ctx.Command()) {
			if strings.ContainsAny(word, "<[") { // arguments follow the command's own words
				break
			}
			command += " " + word
		}
	}
	fmt.Fprintf(a.Stderr, "try \"%s --help\"\n", command)
}

// failUsage prints a parse error with a hint where to look.
func (a *app) failUsage(err error) int {
	a.errorf("%v", err)
	var parse *kong.ParseError
	if errors.As(err, &parse) {
		a.hint(parse.Context)
	} else {
		a.hint(nil)
	}
	return ExitUsage
}
