package cli

import (
	"encoding/xml"

	"github.com/twinspan/twinspan/internal/client/connect"
)

// The elements of a JUnit report that CI systems read.
type (
	junitSuite struct {
		XMLName  xml.Name    `xml:"testsuite"`
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Failure *junitMessage `xml:"failure,omitempty"`
		Skipped *junitMessage `xml:"skipped,omitempty"`
		Out     string        `xml:"system-out,omitempty"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// junit is a report in XML: a test for each finding, failed where it counts for the exit code, else passed with what was seen; for each check that could not be made, skipped; for each that
// passed.
func junit(d connect.Diagnosis, counts func(connect.Ailment) bool) ([]byte, error) {
	s := junitSuite{Name: "twinspan doctor", Skipped: len(d.Unchecked)}
	for _, f := range d.Findings {
		name := f.Check + " " + f.Name
		if f.Subject != "" {
			name += ": " + f.Subject
		}
		text := "expected: " + f.Expected + "\nwhy: " + f.Why
		for _, way := range [][2]string{{"click", f.Click}, {"command", f.Command}, {"see", f.See}, {"document", f.Document}} {
			if way[1] != "" {
				text += "\n" + way[0] + ": " + way[1]
			}
		}
		one := junitCase{Class: "doctor." + f.Severity, Name: name}
		if counts(f) {
			one.Failure = &junitMessage{Message: f.Seen, Type: f.Severity, Text: text}
			s.Failures++
		} else {
			one.Out = f.Seen + "\n" + text
		}
		s.Cases = append(s.Cases, one)
	}
	for _, u := range d.Unchecked {
		s.Cases = append(s.Cases, junitCase{Class: "doctor.unchecked", Name: u.Check + " " + u.Name, Skipped: &junitMessage{Message: u.Because}})
	}
	for _, id := range d.Passed {
		s.Cases = append(s.Cases, junitCase{Class: "doctor.passed", Name: id})
	}
	s.Tests = len(s.Cases)
	out, err := xml.MarshalIndent(s, "", " ")
	return append([]byte(xml.Header), append(out, '\n')...), err
}
