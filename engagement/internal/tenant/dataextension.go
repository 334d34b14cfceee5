package tenant

// Scopes of data extension calls (engagement-wire 2.7).
const (
	ScopeDataExtensionsRead  = "data_extensions_read"
	ScopeDataExtensionsWrite = "data_extensions_write"
)
