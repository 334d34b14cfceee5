package cli

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/twinspan/twinspan/internal/client/control"
)

// faultsCmd lets requests go wrong.
type faultsCmd struct {
	List faultsListCmd `cmd:"" help:"Show what is set to go wrong."`
	Set  faultsSetCmd  `cmd:"" help:"Let requests of a kind fail, wait, or lose their connection."`
	End  faultsEndCmd  `cmd:"" help:"End a fault, or all of them."`
}

type faultsListCmd struct{ clientFlags }

// Run prints a line for each fault.
func (c *faultsListCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.control()
	if err != nil {
		return err
	}
	list, err := cl.Faults(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(list)
	}
	rows := make([][]string, len(list))
	for i, f := range list {
		status := ""
		if f.Status != 0 {
			status = strconv.Itoa(f.Status)
		}
		rows[i] = []string{f.ID, f.House, f.Path, f.Grant, status, f.Latency, f.Drop, fmt.Sprintf("%d of %d", f.Struck, f.Matched)}
	}
	return a.printTable([]string{"id", "house", "path", "grant", "status", "latency", "drop", "struck"}, rows)
}

type faultsSetCmd struct {
	clientFlags
	House   string        `help:"Only requests to crm, engagement or connect." enum:",crm,engagement,connect" default:"" placeholder:"HOUSE" env:"-"`
	Path    string        `help:"Only this path; * stands for anything." placeholder:"PATH" env:"-"`
	Grant   string        `help:"Only token requests of this grant_type." placeholder:"GRANT" env:"-"`
	Status  int           `help:"Answer this status, 400 to 599, in the house's place." placeholder:"STATUS" env:"-"`
	Latency time.Duration `help:"Wait this long first." placeholder:"DURATION" env:"-"`
	Drop    string        `help:"Break the connection before anything is done, or after." enum:",before,after" default:"" placeholder:"before|after" env:"-"`
	Rate    float64       `help:"Share of the requests, evenly: 0.25 is every fourth." placeholder:"RATE" env:"-"`
	Times   int           `help:"End by itself after so many." placeholder:"N" env:"-"`
}

// Run sets the fault and prints its id.
func (c *faultsSetCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.control()
	if err != nil {
		return err
	}
	f := control.Fault{House: c.House, Path: c.Path, Grant: c.Grant, Status: c.Status, Drop: c.Drop, Rate: c.Rate, Times: c.Times}
	if c.Latency != 0 {
		f.Latency = c.Latency.String()
	}
	if f, err = cl.SetFault(ctx, f); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(f)
	}
	return a.print("fault " + f.ID + " is set\n")
}

type faultsEndCmd struct {
	clientFlags
	ID  string `arg:"" optional:"" help:"The fault."`
	All bool   `help:"End all." env:"-"`
}

// Run ends them.
func (c *faultsEndCmd) Run(ctx context.Context, a *app) error {
	if (c.ID == "") == !c.All {
		return usagef("name a fault, or give --all")
	}
	cl, err := c.control()
	if err != nil {
		return err
	}
	n := 1
	if c.All {
		n, err = cl.EndFaults(ctx)
	} else {
		err = cl.EndFault(ctx, c.ID)
	}
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]int{"ended": n})
	}
	return a.print(count(n, "fault") + " ended\n")
}
