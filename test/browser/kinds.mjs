// What tells the pages of a house apart, for tests that go to one of each kind.

/** kind is an address without what tells one record from another, so that one page of each kind is walked. */
export const kind = (url) => path(url) + [...url.searchParams.keys()].sort().map((k) => `?${k}`).join('');

const path = (url) => url.pathname.replace(/\/(?:\d+|(?=[^/]*\d)[A-Za-z0-9._-]{6,})(?=\/|$)/g, '/{id}');

/** place is where a page is in its house, whatever it was asked for. Engagement's users stand in two of its menus. */
export const place = (url) => path(url).replace(/^\/cloud\/email\/admin\/users/, '/cloud/setup/users');

/** noPage says that an address logs out, gives a file, or the HTML of a letter, which is none of ours. */
export const noPage = (url) => /logout|\.(csv|json|txt|pem)$|\/download|\/inbox\/\d+\/html$/.test(url.pathname);
