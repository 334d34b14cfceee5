package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/twinspan/twinspan/internal/client/crm"
)

// orgLayoutCmd is Setup > Object Manager > User > Page Layouts.
type orgLayoutCmd struct {
	Show orgLayoutShowCmd `cmd:"" help:"Show the sections of a page layout and the fields in them; with --field, where that field is, and exit code 3 where it is hidden."`
	Add  orgLayoutAddCmd  `cmd:"" help:"Put a field on a page layout, and read it back."`
}

// layoutFlags name a page layout.
type layoutFlags struct {
	orgFlags
	Layout string `help:"Page layout." default:"User-User Layout" placeholder:"NAME" env:"-"`
}

type orgLayoutShowCmd struct {
	layoutFlags
	Field string `help:"Only say where this field is." placeholder:"API-NAME" env:"-"`
}

// Run shows the layout.
func (c *orgLayoutShowCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		l, err := s.ReadLayout(ctx, c.Layout)
		if err != nil {
			return err
		}
		switch {
		case c.Field != "":
			return a.printField(l, c.Field)
		case a.json:
			return a.printJSON(l.Sections)
		}
		rows := make([][]string, len(l.Sections))
		for i, section := range l.Sections {
			rows[i] = []string{section.Label, strings.Join(section.Fields, ", ")}
		}
		return a.printTable([]string{"section", "fields"}, rows)
	})
}

func (a *app) printField(l crm.Layout, field string) error {
	section := l.Shows(field)
	var err error
	switch {
	case a.json:
		err = a.printJSON(map[string]string{"layout": l.FullName, "field": field, "section": section})
	case section == "":
		err = a.print(fmt.Sprintf("%s hides %s\n", oneLine(l.FullName), oneLine(field)))
	default:
		err = a.print(fmt.Sprintf("%s shows %s in %s\n", oneLine(l.FullName), oneLine(field), oneLine(section)))
	}
	if err == nil && section == "" {
		err = errNo
	}
	return err
}

type orgLayoutAddCmd struct {
	layoutFlags
	Field   string `arg:"" help:"API name of the field, such as et4ae5__ExactTarget_OAuth_Token__c."`
	Section string `help:"Section that it is put into." default:"Additional Information" placeholder:"LABEL" env:"-"`
}

// Run puts the field on the layout; one that is there stays where it is.
func (c *orgLayoutAddCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		l, err := s.ReadLayout(ctx, c.Layout)
		if err != nil {
			return err
		}
		if err := s.PutOnLayout(ctx, l, c.Section, c.Field); err != nil {
			return err
		}
		if l, err = s.ReadLayout(ctx, c.Layout); err != nil {
			return err
		}
		return a.printField(l, c.Field)
	})
}
