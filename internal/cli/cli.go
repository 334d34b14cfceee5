// Package cli is the command line: it reads flags, variables and twinspan.yaml into a configuration, runs the program
// (up, demo) or talks over HTTP to one that runs (all other commands), and prints.
//
// Manners: results go to standard output, everything else to standard error with the prefix "twinspan: ", in small
// letters and without a full stop. Colour and progress appear on a terminal alone. Secrets are never arguments. The
// exit code is 0 for done, 1 for failed, 2 for a usage mistake, 3 where the answer is "no".
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/explain"
	"github.com/twinspan/twinspan/internal/fault"
)

// Exit codes (DESIGN 6).
const (
	ExitDone   = 0
	ExitFailed = 1
	ExitUsage  = 2
	ExitNo     = 3
)

// Env is what the command line takes from its process. Tests put their own in.
type Env struct {
	Stdout, Stderr io.Writer
	// Stdin is where a secret comes from that a command is told to read; nil is empty.
	Stdin io.Reader
	// Lookup reads an environment variable, as os.LookupEnv does.
	Lookup func(name string) (string, bool)
	// Terminal says that Stdout and Stderr are one.
	Terminal bool
	// Signals delivers requests to stop; a second one ends the process at once.
	Signals <-chan os.Signal
	// Exit ends the process; for the second signal alone.
	Exit func(code int)
}

// OS is the environment of this process.
func OS() Env {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	return Env{
		Stdout: os.Stdout, Stderr: os.Stderr, Stdin: os.Stdin, Lookup: os.LookupEnv,
		Terminal: term.IsTerminal(int(os.Stdout.Fd())) && term.IsTerminal(int(os.Stderr.Fd())), Signals: signals, Exit: os.Exit,
	}
}

// grammar is the whole command line, as kong reads it from the tags.
type grammar struct {
	Config string `help:"Settings file; twinspan.yaml of the working folder where it exists." placeholder:"FILE"`
	JSON   bool   `help:"Print JSON."`

	Up   upCmd   `cmd:"" help:"Start an org, a tenant and Connect, and stay up."`
	Demo demoCmd `cmd:"" help:"Walk the first journey of the documents on a new pair, and print what happened."`

	Connect         connectCmd         `cmd:"" help:"Connect the two clouds, or an integration user."`
	BusinessUnits   unitsCmd           `cmd:"" help:"Which business units the org's users may work in: list, add, remove, check."`
	Disconnect      disconnectCmd      `cmd:"" help:"Take the connection down, with all mappings."`
	APIUser         apiUserCmd         `cmd:"" name:"api-user" help:"The Marketing Cloud Connect API user: change his credentials without losing sends."`
	IntegrationUser integrationUserCmd `cmd:"" help:"The integration user of document 004: create, check, reset-token."`

	Upgrade    upgradeCmd    `cmd:"" help:"From stored passwords to Connected App authentication and tenant-specific OAuth: plan, start, watch, cancel."`
	Status     statusCmd     `cmd:"" help:"Say how the connection stands; exit code 3 where it does not."`
	Doctor     doctorCmd     `cmd:"" help:"Name what is wrong with the connection, why, and where to mend it; exit code 3 where something is."`
	Guide      guideCmd      `cmd:"" help:"Print one of the five documents with the state of each of its steps, whose it is, and how it is done."`
	Users      usersCmd      `cmd:"" help:"See, make and clear the mappings of users."`
	Audit      auditCmd      `cmd:"" help:"See what was changed in the connection, and verify the record."`
	Send       sendCmd       `cmd:"" help:"Send to people of the org, now or later, and see how it went."`
	Org        orgCmd        `cmd:"" help:"Set up the org as its administrator does in Setup."`
	Package    orgPackageCmd `cmd:"" help:"Install, upgrade and remove the managed package Marketing Cloud Connect in the org."`
	Clock      clockCmd      `cmd:"" help:"Show or move the domain time of a pair."`
	Fixtures   fixturesCmd   `cmd:"" help:"Bring objects and fields of a project into the org."`
	Keys       keysCmd       `cmd:"" help:"Rotate the keys that seal secrets in the databases."`
	Mail       mailCmd       `cmd:"" help:"Read the built-in inbox."`
	Pairs      pairsCmd      `cmd:"" help:"The pairs of a program, each an org, a tenant and their connection: list, create, delete."`
	Faults     faultsCmd     `cmd:"" help:"Let requests of a house, path or grant fail, wait, or lose their connection."`
	Requests   requestsCmd   `cmd:"" help:"Show the requests that were recorded, secrets removed."`
	Tenant     tenantCmd     `cmd:"" help:"Administer the tenant: users, roles, business units, packages, settings."`
	Tokens     tokensCmd     `cmd:"" help:"API tokens of Connect with a role, and the one-time link that opens its console."`
	Usage      usageCmd      `cmd:"" help:"Show how much of the org's API was used, and by whom."`
	Completion completionCmd `cmd:"" help:"Print a script that completes commands and flags in a shell."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

// app is one run of the command line.
type app struct {
	Env
	args  []string
	json  bool
	model *kong.Application
}

// stdin is standard input.
func (a *app) stdin() io.Reader {
	if a.Stdin == nil {
		return strings.NewReader("")
	}
	return a.Stdin
}

// given reports whether a flag, such as "--ready-file", stands on the command line itself.
func (a *app) given(flag string) bool {
	return slices.ContainsFunc(a.args, func(arg string) bool { return arg == flag || strings.HasPrefix(arg, flag+"=") })
}

// errNo is the answer "no": exit code 3, and nothing printed beyond what the command said.
var errNo = errors.New("no")

// usageError is a mistake in how the command was called, found after parsing.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// leave is what kong's own exits (help) panic with, so that they unwind to Main.
type leave struct{ code int }

// Main runs one command line, without the program's name, and returns the exit code.
func Main(args []string, env Env) (code int) {
	defer func() {
		if p := recover(); p != nil {
			l, ok := p.(leave)
			if !ok {
				panic(p)
			}
			code = l.code
		}
	}()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go watchSignals(ctx, cancel, env)

	a := &app{Env: env, args: args}
	var g grammar
	k, err := a.parser(ctx, &g)
	if err != nil {
		return a.fail(fmt.Errorf("the command line is built wrongly: %w", err))
	}
	a.model = k.Model
	if err := checkText(args); err != nil {
		return a.fail(err)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := k.Parse(args)
	if err != nil {
		return a.failUsage(err)
	}
	a.json = g.JSON
	err = parsed.Run()
	code = a.fail(err)
	if errors.As(err, new(usageError)) {
		a.hint(parsed)
	}
	return code
}

// parser reads command lines of this run into g.
func (a *app) parser(ctx context.Context, g *grammar) (*kong.Kong, error) {
	return kong.New(
		g,
		kong.Name("twinspan"),
		kong.Description("The authentication between a Sales or Service Cloud org and a Marketing Cloud Engagement tenant: set up, rehearsed, tested and explained.\n\n"+
			"Exit codes: 0 done; 1 failed, or a cloud refused; 2 the command line or the settings are wrong, and nothing was done; 3 the answer is no (not connected, not installed, nothing there)."),
		kong.Writers(a.Stdout, a.Stderr),
		kong.Vars{"default_ready": defaultData + "/ready.json", "user_states": states},
		kong.Exit(func(code int) { panic(leave{code}) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Help(printHelp),
		kong.DefaultEnvars("TWINSPAN"),
		kong.WithBeforeResolve(func(ctx *kong.Context) error { return a.readSettings(ctx) }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(a),
	)
}

// checkText refuses an argument that is no UTF-8: whoever is asked would read another name than was typed. Files may be called
// anything.
func checkText(args []string) error {
	for _, arg := range args {
		value := arg
		if flag, v, ok := strings.Cut(arg, "="); ok && strings.HasPrefix(flag, "-") {
			value = v
		}
		if utf8.ValidString(arg) {
			continue
		}
		if _, err := os.Lstat(value); err != nil {
			return usagef("%q is not UTF-8; is the terminal set to another encoding?", arg)
		}
	}
	return nil
}

// watchSignals ends ctx at the first signal and the process at the second.
func watchSignals(ctx context.Context, cancel context.CancelFunc, env Env) {
	select {
	case <-env.Signals:
		cancel()
	case <-ctx.Done():
		return
	}
	<-env.Signals
	fmt.Fprintln(env.Stderr, "twinspan: stopped at once; what was acknowledged is kept")
	env.Exit(ExitFailed)
}

// fail prints err in the way of its kind and returns the exit code.
func (a *app) fail(err error) int {
	var config *twinspan.ConfigError
	var usage usageError
	switch {
	case err == nil:
		return ExitDone
	case errors.Is(err, errNo):
		return ExitNo
	case errors.As(err, &config), errors.As(err, &usage):
		a.errorf("%v", err)
		return ExitUsage
	}
	a.errorf("%v", forPeople(err))
	a.meaning(err)
	return ExitFailed
}

// meaning says how to be told what a refusal means, where the doctor knows it.
func (a *app) meaning(err error) {
	if !errors.As(err, new(*fault.Error)) {
		return
	}
	if met := explain.Met(client.Said(err)); met != "" {
		a.errorf("what it means: twinspan doctor explain %s", shellWord(met))
	}
}

// shellWord is a word of a command line, in quotes where it needs them.
func shellWord(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '.' && r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// errorf prints one line of trouble.
func (a *app) errorf(format string, args ...any) {
	fmt.Fprintf(a.Stderr, "twinspan: "+format+"\n", args...)
}

// forPeople puts a fault's sentence where its code and cause would stand; what callers said around it stays. An
// internal fault has no sentence worth reading, so its cause stands there.
func forPeople(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Message == "" {
		return err
	}
	say := f.Message
	if f.Kind == fault.Internal && f.Err != nil {
		say = f.Err.Error()
	}
	say = strings.ReplaceAll(say, "<br>", " ") // texts of the org that were written for pages
	return errors.New(strings.Replace(err.Error(), f.Error(), say, 1))
}

// logger writes the program's log to standard error from a level on.
func (a *app) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(a.Stderr, &slog.HandlerOptions{Level: level}))
}
