// Document 003 from its first step to its last, in its own order and with its own outage, by two admins in two browsers: each sees
// whose turn it is. fixture: legacy
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { allows, asked, at, button, cloud, comes, course, opensTab, soon } from './admins.mjs';
import { control, person, ready, until } from './browser.mjs';
import { connect, dataExtension, engagementSends, mailTo, Org } from './api.mjs';

const { admin: orgAdmin, system_user: systemUser, users } = ready.crm;
const { admin: tenantAdmin } = ready.engagement;
const app = 'Salesforce Marketing Cloud';
const set = 'Marketing Cloud Connected App';
const { upgrade, turn } = course(connect);

/** refused is an answer that the connection is unavailable, to whatever he does. */
async function refused(who, act) {
  await act();
  await who.sees(/upgrade in progress until 2016-05-02 11:\d\d UTC/);
  assert.equal(who.status, 503);
}

/** quickFind searches Setup for a page and clicks it. */
async function quickFind(p, label) {
  await p.fill({ 'Quick Find': label });
  await p.press('Find');
  await p.main.follow(label);
}

// What the guide says of the outage and of who does what, and the files' names, before anything is begun.
const statements = [
  'Upgrade the account to Connected App Authentication, which is required for all Marketing Cloud Connect accounts as of June 1, 2016.',
  /are in files named with the date and migrationsuccess.csv or migrationfailures.csv/,
  'The Engagement admin completes steps 1 to 11. The Sales or Service Cloud admin completes the remaining steps.',
  'The connection between Sales, Service and Marketing Cloud Engagement isn\'t available during the upgrade.',
  /All sends to reports, campaigns, contacts, leads and Salesforce data extensions fail/,
  'Engagement sends that do not involve Marketing Cloud Connect aren\'t affected.',
  'Schedule a 2-hour sending outage for the upgrade.',
  'Make sure that all Marketing Cloud Connect activities are paused.',
  /log out of any active Sales or Service Cloud sessions, other than the Salesforce system user session/,
  /Closing the tab doesn't end an active session/,
  /https:\/\/mycompany.my.salesforce.com/,
  'This permission set is used to associate users to the Salesforce Marketing Cloud Connected App and can remain empty.',
];

test('the Engagement admin begins, and the CRM admin takes all of it back on his telephone', async () => {
  const olga = await person('the Engagement admin', { script: true });
  await comes(olga, 'engagement', '/upgrade?kind=connected_app');
  await olga.sees('You are here as the Engagement admin.');
  const begin = olga.form('I acknowledge the changes to my account');
  await begin.check('I acknowledge the changes to my account');
  await begin.press('Upgrade to Connected App');

  const carl = await person('the CRM admin', { phone: true });
  await comes(carl, 'salesforce', '/upgrade');
  await carl.sees('You are here as the Sales or Service Cloud admin.');
  // Nobody pressed anything: the page was told that it is the other's turn.
  await olga.sees('The upgrade waits for the Sales or Service Cloud admin. You have nothing to do now.');
  await carl.visit(at('/upgrade'));
  await carl.sees('It is your turn.');
  await carl.sees('The connection is unavailable (upgrade in progress)');
  await carl.visit(at('/upgrade/cancel'));
  await carl.fill({ 'Why; kept on record': 'a rehearsal' });
  await carl.press('Cancel the upgrade');
  await olga.sees('The last upgrade (connected app) is cancelled.');
  assert.equal((await upgrade()).state, 'cancelled');
  await olga.leaves();
  await carl.leaves();
});

test('two admins upgrade to Connected App', async () => {
  const org = await Org.as(orgAdmin);
  const named = Object.fromEntries((await org.query('SELECT Id, Name, Username FROM User WHERE IsActive = true')).map((u) => [u.Username, u]));
  const states = async () => Object.fromEntries((await connect('GET', '/users')).users.map((u) => [u.crm_username, u]));
  const before = await states();

  // Somebody of every kind is to be written to while the outage lasts, one is to be greeted by a triggered send.
  const contact = await org.create('Contact', { FirstName: 'Uta', LastName: 'Upgraded', Email: 'uta@customer.example' });
  const lead = await org.create('Lead', { FirstName: 'Leo', LastName: 'Lead', Company: 'Customer', Email: 'leo@customer.example' });
  const campaign = await org.create('Campaign', { Name: 'Spring', IsActive: true });
  await org.create('CampaignMember', { CampaignId: campaign, ContactId: contact });
  const report = await org.create('Report', { Name: 'Utas', Query: "SELECT Name, Id FROM Contact WHERE FirstName = 'Uta'" });
  await dataExtension(before[users[0].username].account_id, 'Guests', contact, 'uta@customer.example');
  const now = Date.parse((await control('GET', '/clock')).now); // the pair's own
  const due = new Date(now + 90 * 6e4).toISOString();
  const audiences = { contact, lead, campaign, report, data_extension: 'Guests' };
  const mailings = {};
  for (const [kind, id] of Object.entries(audiences)) {
    mailings[kind] = (await connect('POST', '/mailings', { kind, ids: [id], definition_key: 'welcome', as: users[0].username, at: due })).id;
  }
  await connect('POST', '/triggers', { name: 'Greet', object: 'Contact', definition_key: 'welcome', on: 'insert' });

  // "My Documents in Content" is enabled; then steps 1 to 4. seed:page S003-04 S003-18 S003-19 S003-20 S003-21
  const olga = await person('the Engagement admin', { script: true });
  await olga.visit(cloud);
  await olga.signsInToEngagement(tenantAdmin, { stay: true });
  await olga.visit(`${cloud}/setup/security`);
  await olga.check('My Documents in Content');
  await olga.press('Save');
  await olga.sees('Your changes are saved.');
  await olga.visit(cloud);
  await olga.main.follow('Email Studio');
  await olga.main.follow('Admin');
  await olga.main.follow('Salesforce Integration');
  await allows(olga);
  await olga.sees('Connected App Authentication is required for all Marketing Cloud Connect accounts as of June 1, 2016.'); // seed:page S003-03

  // The guide says what the document says. seed:page S003-01 S003-02 S003-03 S003-05 S003-06 S003-16 S003-17 S003-22 S003-23 S003-24 S003-25 S003-45
  await olga.follow('Guide: Upgrade to Connected App');
  assert.match(await olga.page.getByRole('navigation', { name: 'Breadcrumb' }).innerText(), /Guides\s+Upgrade to Connected App/);
  for (const text of statements) await olga.sees(text);
  assert.match(await olga.page.locator('#next + *').innerText(), /Schedule a 2-hour sending outage/);
  await olga.visit(at('/guides/003?print=1'));

  // The outage of 2 hours is scheduled, though sends inside it fail. seed:page S003-07
  await olga.visit(at('/salesforce-integration'));
  await olga.main.follow('Upgrade to Connected App');
  await olga.sees('You are here as the Engagement admin.');
  const book = olga.form('When the outage opens (UTC)');
  assert.equal(await book.field('Length of the outage in minutes').inputValue(), '120');
  await book.fill({ 'When the outage opens (UTC)': new Date(now + 60 * 6e4).toISOString().slice(0, 16).replace('T', ' ') });
  await book.choose('Order of the steps', 'documented: as document 003 has it');
  await book.choose('Sends during the outage', 'fail: they fail, as the document says');
  await book.check('Book it though scheduled sends inside it fail');
  await book.press('Schedule');
  await olga.sees('The outage opens');
  await olga.sees(/all sends to reports, campaigns, contacts, leads, and Salesforce data extensions fail/);
  const booked = await upgrade();
  assert.deepEqual([booked.state, booked.order, booked.mode, booked.window_minutes], ['booked', 'documented', 'fail', 120]);

  // The CRM admin pauses what is Connect's. seed:page S003-09
  const carl = await person('the CRM admin');
  await comes(carl, 'salesforce', '/console/triggers');
  await carl.press('Pause Greet');
  assert.equal((await connect('GET', '/triggers')).triggers[0].active, false);

  // Steps 5 and 6, below the warning; it begins at its hour. seed:page S003-22 S003-23 S003-24 S003-25 S003-26 S003-27
  await olga.main.follow('Connect Account');
  await olga.sees(/the system automatically connects to any active Salesforce session. To prevent incorrect connection, log out of any active Sales or Service Cloud sessions, other than/);
  await olga.sees(/Closing the tab doesn’t end an active session/);
  await olga.sees(/https:\/\/mycompany.my.salesforce.com, log in to the org that you’re connecting to using the Salesforce system user credentials/);
  await olga.check('I acknowledge the changes to my account');
  await olga.press('Acknowledge and begin');
  await olga.sees('The upgrade waits for its hour.');
  await control('POST', '/clock', { advance: '1h' });
  await turn('connect_account');

  // The connection is not available: not the tab, and no send. seed:page S003-08 S003-12
  const maya = await person('a user');
  await refused(maya, () => maya.page.goto(at('/marketing-cloud')));
  await carl.visit(at('/console/sends/new'));
  await carl.choose('Audience', 'Contacts');
  await carl.fill({ 'Their IDs': contact, 'Send definition': 'welcome', 'As the user': users[0].username });
  await refused(carl, () => button(carl, 'Send').click());
  assert.equal(await carl.field('Their IDs').inputValue(), contact);
  await carl.visit(at('/upgrade'));
  await carl.sees('The upgrade waits for the Engagement admin. You have nothing to do now.'); // seed:page S003-16
  await carl.sees('The connection is unavailable (upgrade in progress)');
  // What is due meanwhile fails, whatever its audience. seed:page S003-10 S003-11 S003-12 S003-13 S003-14
  await control('POST', '/clock', { advance: '31m' });
  for (const [kind, id] of Object.entries(mailings)) {
    await until(`the send to the ${kind} fails`, async () => (await connect('GET', `/mailings/${id}`)).state === 'failed', soon);
  }
  await carl.visit(at('/console/sends'));
  for (const kind of Object.keys(mailings)) assert.equal(await carl.row(kind).root.filter({ hasText: 'failed' }).count(), 1, kind);
  await carl.go(carl.row('report').root.getByRole('link'));
  await carl.sees(/upgrade in progress until 2016-05-02 11:/);
  // What Engagement sends of itself arrives, and is in its tracking. seed:page S003-15
  await engagementSends('welcome', 'own@customer.example');
  await until('Engagement’s own mail', async () => (await mailTo('own@customer.example')).length === 1, soon);
  assert.equal((await mailTo('uta@customer.example')).length, 0);

  // Connect Account: the system user logs in and allows the app, for he is prompted. seed:page S003-26 S003-28 S003-29
  await olga.sees('It is your turn.'); // nobody pressed anything
  await olga.main.follow('Connect Account');
  await olga.press('Connect Account');
  await until('the org’s answer', async () => /hasn't approved/.test((await upgrade()).waiting?.have), soon);
  await olga.visit(at('/upgrade/connect-account'));
  await olga.sees(`log in there as ${systemUser.username}`);
  await olga.press('Log in and allow');
  await olga.signsInToOrg(systemUser, { stay: true });
  await olga.sees(/access your data|Allow access/);
  await olga.press('Allow');
  await olga.press('Yes, connect');
  await olga.sees('The upgrade goes on');
  await turn('migrate');
  const spans = await connect('GET', '/status');
  assert.equal(spans.org.auth, 'jwt');

  // Migrate Existing Users, Connect, the results window and OK. seed:page S003-30 S003-32 S003-33 S003-34
  await olga.visit(at('/salesforce-integration'));
  await olga.sees('Migrate Existing Users');
  await olga.sees('Auto-connection is available for 14 days after the upgrade');
  await olga.sees(/^3 users were connected before the upgrade/);
  await olga.press('Connect');
  assert.equal(await olga.heading(), 'Auto-connection results');
  await turn('policies');
  await olga.visit(at('/salesforce-integration/migrate/results'));
  await olga.press('OK');
  await olga.sees('The upgrade waits for the Sales or Service Cloud admin. You have nothing to do now.'); // seed:page S003-17

  // Steps 12 to 19. seed:page S003-35 S003-36 S003-37 S003-38 S003-39 S003-40 S003-41 S003-42
  await carl.signsInToOrg(orgAdmin);
  await carl.follow('Setup');
  await quickFind(carl, 'Connected Apps');
  await carl.main.follow(app);
  await carl.main.follow('Edit');
  await carl.choose('Permitted Users', 'Admin approved users are pre-authorized');
  await carl.choose('IP Relaxation', 'Relax IP restrictions');
  await carl.choose('Refresh Token Policy', 'Immediately expire refresh token');
  await carl.press('Save');
  if (await button(carl, 'OK').count()) await carl.press('OK');
  await carl.sees('The policies are saved.');
  const policies = async () => (await org.query(`SELECT OptionsAllowAdminApprovedUsersOnly FROM ConnectedApplication WHERE Name = '${app}'`))[0];
  assert.equal((await policies()).OptionsAllowAdminApprovedUsersOnly, true);

  // Steps 20 to 30; one user is left out. seed:page S003-43 S003-44 S003-45 S003-46 S003-47 S003-48 S003-49 S003-50 S003-51 S003-52 S003-53 S003-54
  const assigns = async (...usernames) => {
    await quickFind(carl, 'Permission Sets');
    await carl.main.follow(set);
    await carl.main.follow('Manage Assignments');
    await carl.main.follow('Add Assignments');
    for (const username of usernames) await carl.check(named[username].Name);
    await carl.press('Assign');
    await carl.press('Done');
  };
  const assigned = async () => (await org.query(`SELECT Assignee.Username FROM PermissionSetAssignment WHERE PermissionSet.Label = '${set}'`)).map((a) => a.Assignee.Username).sort();
  await quickFind(carl, 'Permission Sets');
  await carl.main.follow('New');
  await carl.fill({ Label: set });
  await carl.press('Save');
  assert.equal(await carl.field('API Name').inputValue(), 'Marketing_Cloud_Connected_App');
  await carl.press('Save');
  await carl.sees('The permission set is saved.');
  const [last] = users.slice(-1);
  const most = [systemUser, orgAdmin, ...users.slice(0, -1)].map((u) => u.username);
  await assigns(...most);
  assert.deepEqual(await assigned(), most.toSorted());

  // Steps 31 to 35. seed:page S003-55 S003-56 S003-57 S003-58 S003-59
  await quickFind(carl, 'Connected Apps');
  await carl.main.follow(app);
  await carl.main.follow('Manage Permission Sets');
  await carl.check(set);
  await carl.press('Save');
  await carl.sees('Your changes are saved.');
  assert.equal((await org.query("SELECT Id FROM SetupEntityAccess WHERE Parent.Name = 'Marketing_Cloud_Connected_App'")).length, 1);
  await carl.visit(at('/upgrade'));
  if (await button(carl, 'Done: look now').count()) await carl.press('Done: look now');
  await turn('assignments');
  await carl.visit(at('/upgrade'));
  await carl.sees(new RegExp(`not to ${last.username}`));
  await carl.check('Go on without what is missing');
  await carl.press('Done: look now');

  // A test email to herself validates the connection, and a triggered send; then it is complete. seed:page S003-60 S003-61
  await turn('verify');
  await olga.sees('Send a test email to yourself'); // her page was told
  await olga.fill({
    'External key of the triggered send definition': 'welcome', 'Address that it goes to': 'olga@tenant.example', 'Id of a contact or lead for a triggered send': contact,
  });
  await olga.press('Verify and close');
  await turn('watching');
  for (const address of ['olga@tenant.example', 'uta@customer.example']) await until(address, async () => (await mailTo(address)).length === 1, soon);
  await olga.sees('The upgrade is complete.');
  const after = await connect('GET', '/status');
  assert.deepEqual([after.state, after.org.auth, after.outage ?? null], ['connected', 'jwt', null]);

  // Who was reconnected and who was not is in the files named with the date. seed:page S003-04 S003-05 S003-06 S003-31
  await olga.visit(`${cloud}/email/my-documents`);
  if (await asked(olga)) {
    await olga.signsInToEngagement(tenantAdmin, { stay: true });
    await olga.visit(`${cloud}/email/my-documents`);
  }
  const document = async (end) => {
    const link = olga.main.root.getByRole('link', { name: new RegExp(`^2016-05-02.*migration${end}\\.csv$`) });
    return olga.download(link.first());
  };
  const success = await document('success');
  assert.match(success.name, /^2016-05-02migrationsuccess\.csv$/);
  assert.ok(success.text.includes(users[0].username) && !success.text.includes(last.username), success.text);
  const failures = await document('failures');
  assert.match(failures.name, /^2016-05-02migrationfailures\.csv$/);
  assert.ok(failures.text.includes(last.username) && !failures.text.includes(users[0].username), failures.text);
  const reconnected = await states();
  assert.deepEqual(users.map((u) => reconnected[u.username].state), [...users.slice(1).map(() => 'mapped'), 'not_reconnected']);

  // The last one is assigned too, and reconnected within the 14 days. seed:page S003-30 S003-31 S003-32 S003-33 S003-34
  await carl.visit(`${ready.crm.url}/setup`);
  await assigns(last.username);
  assert.deepEqual(await assigned(), [...most, last.username].toSorted());
  await olga.visit(at('/salesforce-integration'));
  await olga.sees('Auto-connection is available for 14 days after the upgrade');
  await olga.sees(/^1 users were connected before the upgrade/);
  await olga.press('Connect');
  await until('the last one', async () => (await states())[last.username].state === 'mapped', soon);
  await olga.visit(at('/salesforce-integration/migrate/results'));
  await olga.sees('Users who are not reconnected');
  await olga.press('OK');
  assert.equal(await olga.heading(), 'Salesforce Integration');
  await olga.sees('Nobody is left who was mapped before the upgrade and is not reconnected.');
  // And is asked for nothing on the tab.
  await opensTab(maya, last);
  await maya.sees(`Connected as ${before[last.username].engagement_username}`);

  // API usage is monitored: Connect looks at it an hour and a day after the end, and the guide has no open step. seed:page S003-60 S003-62
  await control('POST', '/clock', { advance: '25h' });
  await turn('done');
  await comes(carl, 'salesforce', '/console/usage');
  await carl.sees("Of them against the org's limit");
  await carl.sees('Calls into the org that count, by hour');
  await carl.sees(/^Calls of the vendor's own connected app are exempt from the org's limit; .* as do Bulk calls/); // seed:page S002-13 S002-14
  const { calls, counted } = await connect('GET', '/usage');
  assert.ok(calls > 0, 'no call was made');
  assert.equal(counted, 0, 'calls by key count against the limit');
  await comes(olga, 'engagement', '/guides/003');
  await olga.sees('No step is open: the guide is followed to its end, as far as it can be seen.');
  assert.equal(await olga.page.locator('.step.open').count(), 0);
  for (const who of [olga, carl, maya]) await who.leaves();
});
