package login

import (
	"strings"
	"testing"
)

func TestWhatAClientIs(t *testing.T) {
	t.Parallel()
	for agent, want := range map[string][2]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36":                          {"Chrome 126", "Windows 10"},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.2592.87":        {"Edge 126", "Windows 10"},
		"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0":                                                                   {"Firefox 128", "Linux"},
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15":                    {"Safari 17", "Mac OSX"},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0.1 Mobile/15E148 Safari/604.1": {"Chrome 126", "iPhone"},
		"Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36":                             {"Chrome 126", "Android"},
		"Mozilla/5.0 (compatible; thing)":                {"Mozilla/5.0", "Unknown"},
		"jsforce/3.2 node":                               {"jsforce/3.2", "Unknown"},
		"Windows\x00Chrome/1":                            {"Windows?Chrome/1", "Unknown"},
		"Mozilla/5.0 Chrome/" + strings.Repeat("9", 500): {"Chrome " + strings.Repeat("9", maxName-7), "Unknown"},
		"": {"", "Unknown"},
	} {
		if got := [2]string{agentName(agent), platformOf(agent)}; got != want {
			t.Errorf("%.60q: %q, want %q", agent, got, want)
		}
	}
}
