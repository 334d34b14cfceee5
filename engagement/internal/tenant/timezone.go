package tenant

// TimeZone is a time zone that users can be given, as the quickflow setup data lists them.
type TimeZone struct {
	ID          string // a small number
	Name        string // IANA name, which users keep
	Description string
}

// TimeZones is the list to choose from. The real one has some hundred entries; the numbers are ours.
func TimeZones() []TimeZone {
	return []TimeZone{
		{"1", "UTC", "(GMT) Coordinated Universal Time"},
		{"2", "Europe/London", "(GMT) Dublin, Edinburgh, Lisbon, London *"},
		{"3", "Europe/Berlin", "(GMT+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna *"},
		{"4", "Europe/Paris", "(GMT+01:00) Brussels, Copenhagen, Madrid, Paris *"},
		{"5", "Europe/Athens", "(GMT+02:00) Athens, Bucharest *"},
		{"6", "Europe/Moscow", "(GMT+03:00) Moscow, St. Petersburg"},
		{"7", "Asia/Dubai", "(GMT+04:00) Abu Dhabi, Muscat"},
		{"8", "Asia/Kolkata", "(GMT+05:30) Chennai, Kolkata, Mumbai, New Delhi"},
		{"9", "Asia/Singapore", "(GMT+08:00) Kuala Lumpur, Singapore"},
		{"10", "Asia/Tokyo", "(GMT+09:00) Osaka, Sapporo, Tokyo"},
		{"11", "Australia/Sydney", "(GMT+10:00) Canberra, Melbourne, Sydney *"},
		{"12", "Pacific/Auckland", "(GMT+12:00) Auckland, Wellington *"},
		{"13", "America/Sao_Paulo", "(GMT-03:00) Brasilia"},
		{"14", "America/New_York", "(GMT-05:00) Eastern Time (US & Canada) *"},
		{"15", "America/Chicago", "(GMT-06:00) Central Time (US & Canada) *"},
		{"16", "America/Denver", "(GMT-07:00) Mountain Time (US & Canada) *"},
		{"17", "America/Los_Angeles", "(GMT-08:00) Pacific Time (US & Canada) *"},
		{"18", "Pacific/Honolulu", "(GMT-10:00) Hawaii"},
	}
}
