package ui

// StepState is how a step stands.
type StepState string

// The states of steps.
const (
	StepDone StepState = "done"
	StepOpen StepState = "open"
	// StepUnknown: nothing tells whether it was done.
	StepUnknown StepState = "unknown"
)

// Steps is a list of what people do, in order, each with its state in words and whose it is.
type Steps []Step

// Step is one of them.
type Step struct {
	ID      string // to link to; "" for none
	Number  string // as the document counts that it is of; "" for none
	Text    string
	State   StepState
	Word    string // the state in words: "not visible"
	Who     string // whose it is, "" where that is said elsewhere
	Warning string // stands above the step
	Href    string // page on which it is done, "" for none
	Link    string // text of the link: "Permission Sets"
	Command string // command line that does it, "" for none
	Details Definitions
	Current bool // it is the next one
}

func (Steps) template() string { return "steps" }
