package org

// Picklists of users and organizations: a selection of the values that the vendor's Setup offers.

func timeZones() []PicklistValue {
	return values("Pacific/Kiritimati", "Pacific/Auckland", "Pacific/Fiji", "Australia/Sydney", "Australia/Brisbane", "Australia/Adelaide",
		"Australia/Darwin", "Asia/Tokyo", "Asia/Seoul", "Australia/Perth", "Asia/Hong_Kong", "Asia/Shanghai", "Asia/Singapore", "Asia/Taipei",
		"Asia/Manila", "Asia/Kuala_Lumpur", "Asia/Bangkok", "Asia/Ho_Chi_Minh", "Asia/Jakarta", "Asia/Rangoon", "Asia/Dhaka", "Asia/Kathmandu",
		"Asia/Colombo", "Asia/Kolkata", "Asia/Karachi", "Asia/Tashkent", "Asia/Kabul", "Asia/Dubai", "Asia/Tbilisi", "Asia/Tehran", "Asia/Baghdad",
		"Asia/Riyadh", "Asia/Kuwait", "Europe/Moscow", "Europe/Istanbul", "Europe/Minsk", "Africa/Nairobi", "Asia/Jerusalem", "Asia/Beirut",
		"Africa/Cairo", "Africa/Johannesburg", "Europe/Athens", "Europe/Bucharest", "Europe/Helsinki", "Europe/Kiev", "Africa/Algiers",
		"Africa/Casablanca", "Africa/Lagos", "Europe/Amsterdam", "Europe/Berlin", "Europe/Brussels", "Europe/Paris", "Europe/Prague",
		"Europe/Rome", "Europe/Madrid", "Europe/Stockholm", "Europe/Vienna", "Europe/Warsaw", "Europe/Zurich", "Europe/Dublin", "Europe/Lisbon",
		"Europe/London", "GMT", "Atlantic/Azores", "Atlantic/Cape_Verde", "America/Sao_Paulo", "America/Argentina/Buenos_Aires", "America/St_Johns",
		"America/Halifax", "America/Puerto_Rico", "America/Santiago", "America/Caracas", "America/New_York", "America/Bogota", "America/Lima",
		"America/Chicago", "America/Mexico_City", "America/Costa_Rica", "America/Denver", "America/Phoenix", "America/Los_Angeles",
		"America/Tijuana", "America/Anchorage", "Pacific/Honolulu", "Pacific/Pago_Pago")
}

func locales() []PicklistValue {
	return values("ar_AE", "bg_BG", "ca_ES", "cs_CZ", "da_DK", "de_AT", "de_CH", "de_DE", "de_LU", "el_GR", "en_AU", "en_CA", "en_GB", "en_IE",
		"en_IN", "en_NZ", "en_SG", "en_US", "en_ZA", "es_AR", "es_CL", "es_CO", "es_ES", "es_MX", "es_PE", "es_US", "et_EE", "fi_FI", "fr_BE",
		"fr_CA", "fr_CH", "fr_FR", "fr_LU", "hr_HR", "hu_HU", "in_ID", "is_IS", "it_CH", "it_IT", "iw_IL", "ja_JP", "ko_KR", "lt_LT", "lv_LV",
		"nl_BE", "nl_NL", "no_NO", "pl_PL", "pt_BR", "pt_PT", "ro_RO", "ru_RU", "sk_SK", "sl_SI", "sv_SE", "th_TH", "tr_TR", "uk_UA", "vi_VN",
		"zh_CN", "zh_HK", "zh_SG", "zh_TW")
}

func languages() []PicklistValue {
	return values("en_US", "en_GB", "de", "es", "es_MX", "fr", "it", "ja", "sv", "ko", "zh_TW", "zh_CN", "pt_BR", "nl_NL", "da", "th", "fi", "ru",
		"no", "pl", "cs", "hu", "iw", "tr", "uk", "ro", "ar", "el", "pt_PT")
}

func encodings() []PicklistValue {
	return values("UTF-8", "ISO-8859-1", "Shift_JIS", "ISO-2022-JP", "EUC-JP", "ks_c_5601-1987", "Big5", "GB2312", "Big5-HKSCS", "x-SJIS_0213")
}
