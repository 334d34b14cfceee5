package tenant

import (
	"context"
	"net/netip"

	"github.com/twinspan/twinspan/internal/fault"
)

// CodeAddressDenied: the caller's IP address is not on the tenant's login IP allowlist.
const CodeAddressDenied fault.Code = "address_denied"

// errAddressDenied is told to the log; callers see what a wrong password or token would show them, as the wire form of
// the real refusal is not public (engagement-wire 5).
var errAddressDenied = fault.New(fault.Unauthenticated, CodeAddressDenied, "The IP address is not on the tenant's login allowlist.")

type addressKey struct{}

// WithAddress marks everything done under the context as asked for from the address.
func WithAddress(ctx context.Context, from netip.Addr) context.Context {
	return context.WithValue(ctx, addressKey{}, from)
}

// AddressOf is the address that the request came from; the zero one for work of the program itself.
func AddressOf(ctx context.Context) netip.Addr {
	from, _ := ctx.Value(addressKey{}).(netip.Addr)
	return from
}
