package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/twinspan/twinspan/internal/vault"
)

// keysCmd is about the keys that seal secrets in the databases.
type keysCmd struct {
	Rotate keysRotateCmd `cmd:"" help:"Give the databases new keys and seal every secret anew, while the program goes on."`
}

// keysRotateCmd rotates them.
type keysRotateCmd struct{ clientFlags }

// Help is what `twinspan keys rotate --help` says beneath the flags' summary.
func (*keysRotateCmd) Help() string {
	return `Each database gets a new data key, every sealed value is sealed anew, and the key file gets a new key; the old one is taken out of it. A program that ends in
the middle goes on when it starts again. A key of TWINSPAN_KEY or of --key-command is rotated where it is kept: start with TWINSPAN_KEY=NEW,OLD, rotate, and
start with TWINSPAN_KEY=NEW from then on. Former data keys still open what is under way for 25 hours, then the next start forgets them.`
}

// Run rotates, and says how many values were sealed anew; exit code 1 where some opened under no key.
func (c *keysRotateCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.control()
	if err != nil {
		return err
	}
	out, err := cl.RotateKeys(ctx)
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(out)
	} else {
		text := fmt.Sprintf("%d values were sealed anew\n", out.Values)
		if out.KeyFile {
			text += "the key file has a new key; the old one opens nothing any more\n"
		}
		err = a.print(text)
	}
	if err == nil && out.Corrupt > 0 {
		err = fmt.Errorf("%d values opened under no key and were left as they are: the databases were changed by hand, or hold rows of others", out.Corrupt)
	}
	return err
}

// masterKey is the outer key where it comes from the environment or a command; nil for the key file.
func (f *serveFlags) masterKey(a *app) (vault.Master, error) {
	text, _ := a.Lookup("TWINSPAN_KEY")
	switch {
	case text != "" && f.KeyCommand != "":
		return nil, usagef("TWINSPAN_KEY and --key-command cannot go together")
	case f.KeyCommand != "":
		return vault.KeyCommand(f.KeyCommand), nil
	case text == "":
		return nil, nil
	}
	m, err := vault.KeyText(vault.Secret(text))
	if err != nil {
		return nil, usageError{errors.New("TWINSPAN_KEY: " + err.Error())}
	}
	return m, nil
}
