package twinspan

import (
	"net/http"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/probe"
	"github.com/twinspan/twinspan/internal/strictjson"
	"github.com/twinspan/twinspan/internal/web"
)

// faultAnswer is a fault that is set.
type faultAnswer struct {
	ID      string     `json:"id"`
	House   string     `json:"house,omitempty"`
	Path    string     `json:"path,omitempty"`
	Grant   string     `json:"grant,omitempty"`
	Status  int        `json:"status,omitempty"`
	Latency string     `json:"latency,omitempty"` // as time.Duration prints it
	Drop    probe.Drop `json:"drop,omitempty"`
	Rate    float64    `json:"rate,omitempty"`
	Times   int        `json:"times,omitempty"`
	Matched int64      `json:"matched"`
	Struck  int64      `json:"struck"`
}

func faultOf(f probe.Fault) faultAnswer {
	a := faultAnswer{ID: f.ID, House: f.House, Path: f.Path, Grant: f.Grant, Status: f.Status, Drop: f.Drop, Rate: f.Rate, Times: f.Times, Matched: f.Matched, Struck: f.Struck}
	if f.Delay > 0 {
		a.Latency = f.Delay.String()
	}
	return a
}

// listFaults answers GET /faults, the oldest first.
func (c *control) listFaults(w http.ResponseWriter, _ *http.Request) {
	list := []faultAnswer{}
	for _, f := range c.p.faults.List() {
		list = append(list, faultOf(f))
	}
	c.answer(w, http.StatusOK, map[string][]faultAnswer{"faults": list})
}

// setFault answers POST /faults {"house","path","grant","status","latency","drop","rate","times"} with the fault that is set.
func (c *control) setFault(w http.ResponseWriter, r *http.Request) {
	var in struct {
		House   string     `json:"house"`
		Path    string     `json:"path"`
		Grant   string     `json:"grant"`
		Status  int        `json:"status"`
		Latency string     `json:"latency"`
		Drop    probe.Drop `json:"drop"`
		Rate    float64    `json:"rate"`
		Times   int        `json:"times"`
	}
	if err := web.ReadJSON(w, r, 4<<10, &in, strictjson.KnownKeysOnly()); err != nil {
		c.refuse(w, err)
		return
	}
	f := probe.Fault{House: in.House, Path: in.Path, Grant: in.Grant, Status: in.Status, Drop: in.Drop, Rate: in.Rate, Times: in.Times}
	if in.Latency != "" {
		var err error
		if f.Delay, err = time.ParseDuration(in.Latency); err != nil {
			c.refuse(w, fault.New(fault.Invalid, probe.CodeBadFault, "A duration is written as 2s or 500ms.").In("latency"))
			return
		}
	}
	f, err := c.p.faults.Set(f)
	if err != nil {
		c.refuse(w, err)
		return
	}
	c.answer(w, http.StatusCreated, faultOf(f))
}

// endFault answers DELETE /faults/{id}.
func (c *control) endFault(w http.ResponseWriter, r *http.Request) {
	if err := c.p.faults.End(r.PathValue("id")); err != nil {
		c.refuse(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// endFaults answers DELETE /faults with how many there were.
func (c *control) endFaults(w http.ResponseWriter, _ *http.Request) {
	c.answer(w, http.StatusOK, map[string]int{"ended": c.p.faults.EndAll()})
}
