package tenant

import (
	"github.com/twinspan/twinspan/internal/fault"
)

// Limits of a retrieve filter. Real filters have a handful of parts; the IN lists of migration tools some hundreds of
// values.
const (
	maxFilterDepth  = 20
	maxFilterParts  = 200
	maxFilterValues = 1000
)

// Operator is a SimpleOperator of a retrieve filter, in the WSDL's spelling (engagement-wire 3).
type Operator string

// The operators that can be asked. The anniversary operators and existsInStringAsAWord are refused by name.
const (
	OpEquals         Operator = "equals"
	OpNotEquals      Operator = "notEquals"
	OpGreater        Operator = "greaterThan"
	OpLess           Operator = "lessThan"
	OpGreaterOrEqual Operator = "greaterThanOrEqual"
	OpLessOrEqual    Operator = "lessThanOrEqual"
	OpIsNull         Operator = "isNull"
	OpIsNotNull      Operator = "isNotNull"
	OpBetween        Operator = "between"
	OpIn             Operator = "IN"
	OpLike           Operator = "like"
	OpContains       Operator = "contains"
	OpNotContains    Operator = "notContains"
	OpExists         Operator = "existsInString"
	OpNotExists      Operator = "notExistsInString"
	OpBegins         Operator = "beginsWith"
	OpEnds           Operator = "endsWith"
)

// values says how many values each operator takes: exactly n, or at least two for -1.
var operatorValues = map[Operator]int{
	OpEquals: 1, OpNotEquals: 1, OpGreater: 1, OpLess: 1, OpGreaterOrEqual: 1, OpLessOrEqual: 1, OpIsNull: 0, OpIsNotNull: 0,
	OpBetween: 2, OpIn: -1, OpLike: 1, OpContains: 1, OpNotContains: 1, OpExists: 1, OpNotExists: 1, OpBegins: 1, OpEnds: 1,
}

// CodeInvalidRetrieve is the fault of a retrieve request that cannot be answered as it is written. Its message is what
// stands after "Error: " in the OverallStatus.
const CodeInvalidRetrieve fault.Code = "invalid_retrieve"

// Filter is a condition on rows: either one comparison (Property, Operator, Values) or two filters joined by And or Or.
type Filter struct {
	Property string
	Operator Operator
	Values   []string

	Or          bool // joins Left and Right by OR, else by AND
	Left, Right *Filter
}

// Joined reports whether the filter joins two others.
func (f *Filter) Joined() bool { return f.Left != nil || f.Right != nil }

// Validate reports what is wrong with the shape of the filter. Whether its properties exist only the object type knows.
func (f *Filter) Validate() error {
	parts, values := 0, 0
	return f.validate(1, &parts, &values)
}

func (f *Filter) validate(depth int, parts, values *int) error {
	*parts++
	if depth > maxFilterDepth || *parts > maxFilterParts {
		return invalidRetrieve("The filter has more than %d parts or %d levels.", maxFilterParts, maxFilterDepth)
	}
	if f.Joined() {
		if f.Left == nil || f.Right == nil || f.Property != "" {
			return invalidRetrieve("A complex filter part needs a left and a right operand.")
		}
		if err := f.Left.validate(depth+1, parts, values); err != nil {
			return err
		}
		return f.Right.validate(depth+1, parts, values)
	}
	if f.Property == "" {
		return invalidRetrieve("A simple filter part needs a property.")
	}
	want, ok := operatorValues[f.Operator]
	if !ok {
		return invalidRetrieve("The operator %q is not supported.", clip(string(f.Operator)))
	}
	*values += len(f.Values)
	switch {
	case *values > maxFilterValues:
		return invalidRetrieve("The filter has more than %d values.", maxFilterValues)
	case want == -1 && len(f.Values) == 1:
		// The real API refuses this as well; tools count on it (engagement-wire 3).
		return invalidRetrieve("The operator IN does not take a single value; use equals.")
	case want == -1 && len(f.Values) == 0, want >= 0 && len(f.Values) != want:
		return invalidRetrieve("The operator %s got %d values.", f.Operator, len(f.Values))
	}
	for _, v := range f.Values {
		if hasNUL(v) {
			return invalidRetrieve("A filter value holds a NUL character.")
		}
	}
	return nil
}

// invalidRetrieve is a refusal whose message the caller reads after "Error: ".
func invalidRetrieve(format string, args ...any) error {
	return fault.New(fault.Invalid, CodeInvalidRetrieve, format, args...)
}
