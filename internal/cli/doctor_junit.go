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
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// junit is a report in XML: a test for each finding, failed; for each check that could not be made, skipped; for each that
// passed.
func junit(d connect.Diagnosis) ([]byte, error) {
	s := junitSuite{Name: "twinspan doctor", Failures: len(d.Findings), Skipped: len(d.Unchecked)}
	for _, f := range d.Findings {
		name := f.Check + " " + f.Name
		if f.Subject != "" {
			name += ": " + f.Subject
		}
		text := "expected: " + f.Expected + "\nwhy: " + f.Why + "\nclick: " + f.Click + "\ncommand: " + f.Command + "\ndocument: " + f.Document
		s.Cases = append(s.Cases, junitCase{Class: "doctor." + f.Severity, Name: name, Failure: &junitMessage{Message: f.Seen, Type: f.Severity, Text: text}})
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
