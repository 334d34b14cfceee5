// Document 001, Set Up Connected App Authentication, from its first step to its last, by three people in browsers of their own: the
// org's administrator, who follows the guide's page, the Salesforce system user, and Engagement's administrator.
// fixture: new-org
// databases: postgres
// minutes: 1
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { person, ready } from './browser.mjs';
import { connect, Org } from './api.mjs';

const app = 'Salesforce Marketing Cloud';
const set = 'Marketing Cloud Connected App';
const setName = 'Marketing_Cloud_Connected_App';
const { admin: administrator, system_user: systemUser, users } = ready.crm;
const { admin: tenantAdmin, api_user: apiUser, users: [marketer] } = ready.engagement;

/** tree walks the Classic tree of Setup. */
const tree = (who, ...names) => who.part('navigation', 'Setup').walk(...names);

/** login is the button of Engagement's page: Login in this document, Log-in in document 002. */
const login = /^(Login|Log-in)$/;

/** allows lets Connect read who somebody is, where a cloud asks. */
async function allows(who) {
  if (await who.page.getByRole('button', { name: 'Allow', exact: true }).count()) await who.press('Allow');
}

test('document 001', async () => {
  const org = await Org.as();
  const [{ Name: system }] = await org.query(`SELECT Name FROM User WHERE Username = '${systemUser.username}'`);
  const everybody = (await org.query(`SELECT Name, Username FROM User WHERE Username IN (${[administrator, systemUser, ...users].map((u) => `'${u.username}'`)})`)).map((u) => u.Name);

  // The address of Connect leads to the guide, and the guide looks at the org in the administrator's session.
  const carl = await person('the org’s administrator');
  const guide = (query = '') => carl.visit(`${ready.connect.url}/guides/001${query}`);
  await carl.visit(ready.connect.url);
  await carl.go(carl.main.root.getByRole('link', { name: 'Set Up Connected App Authentication', exact: true }).first());
  await carl.follow('Sign in with Salesforce');
  await carl.signsInToOrg(administrator, { stay: true });
  await allows(carl);
  // seed:page S001-01 S001-02 S001-03 S001-04 S001-05 S001-06
  assert.equal(await carl.heading(), 'Set Up Connected App Authentication');
  await carl.part('navigation', 'Breadcrumb').sees('Guides');
  await carl.main.sees('Set up connected app authentication for Marketing Cloud Connect: it authenticates between Sales Cloud, Service Cloud and Engagement.');
  await carl.main.sees('No passwords have to be stored in Engagement.');
  await carl.main.sees('SOAP and REST API calls of Marketing Cloud Connect do not count against the rolling 24-hour limit.');
  // seed:page S001-17 S001-28
  await carl.main.sees(/saves the policies before any permission set is attached/);
  await carl.main.sees(/"API User" is the Salesforce system user here/);
  await carl.fill({ 'User name of the Salesforce system user': systemUser.username });
  await carl.press('Look');
  await carl.sees('Next step');
  const asked = new URL(carl.page.url()).search;

  // seed:page S001-07 S001-08 S001-09 S001-10 S001-11
  await carl.visit(ready.crm.url);
  await carl.setup();
  await tree(carl, 'Administer', 'Manage Apps', 'Connected Apps');
  await carl.main.follow(app);
  await carl.main.follow('Edit Policies');
  // seed:page S001-12 S001-13 S001-14 S001-15 S001-16
  await carl.choose('Permitted Users', 'Admin approved users are pre-authorized');
  await carl.choose('IP Relaxation', 'Relax IP restrictions');
  await carl.choose('Refresh Token Policy', 'Immediately expire refresh token');
  await carl.press('Save');
  await carl.sees('Nothing is saved yet.');
  const policies = async () => (await org.query(`SELECT OptionsAllowAdminApprovedUsersOnly FROM ConnectedApplication WHERE Name = '${app}'`))[0].OptionsAllowAdminApprovedUsersOnly;
  assert.equal(await policies(), false);
  await carl.press('OK');
  await carl.sees('The policies are saved.');
  assert.equal(await policies(), true);
  const saved = await org.metadata('ConnectedApp', 'Salesforce_Marketing_Cloud');
  assert.match(saved, /<ipRelaxation>BYPASS</i);
  assert.match(saved, /<refreshTokenPolicy>zero</i);
  const attached = async () => (await org.query(`SELECT Id FROM SetupEntityAccess WHERE Parent.Name = '${setName}'`)).length;
  assert.equal(await attached(), 0); // the policy is saved before any set is attached
  await guide(asked);
  await carl.sees(/From Setup, click Manage Users under Administer/);

  // seed:page S001-18 S001-19 S001-20 S001-21 S001-22 S001-23
  await carl.visit(ready.crm.url);
  await carl.setup();
  await tree(carl, 'Administer', 'Manage Users', 'Permission Sets');
  await carl.main.follow('New');
  await carl.fill({ Label: set });
  await carl.press('Save');
  assert.equal(await carl.field('API Name').inputValue(), setName);
  await carl.press('Save');
  await carl.sees('The permission set is saved.');
  assert.equal((await org.query(`SELECT Label FROM PermissionSet WHERE Name = '${setName}'`))[0].Label, set);

  // seed:page S001-24 S001-25 S001-26 S001-27
  const sets = [set, 'Marketing Cloud Connector', 'Marketing Cloud Connector Admin', 'Marketing Cloud System User'];
  await tree(carl, 'Administer', 'Manage Users', 'Users');
  await carl.main.follow(system);
  await carl.main.follow('Edit Assignments');
  for (const label of sets) await carl.check(label);
  await carl.press('Save');
  await carl.sees('The permission sets are assigned.');
  const held = await org.query(`SELECT PermissionSet.Label FROM PermissionSetAssignment WHERE Assignee.Username = '${systemUser.username}' AND PermissionSet.IsOwnedByProfile = false`);
  const labels = new Set(held.map((a) => a.PermissionSet.Label));
  for (const label of sets) assert.ok(labels.has(label), label);

  // seed:page S001-29 S001-30 S001-31 S001-32 S001-33 S001-34 S001-35 S001-36 S001-37
  await carl.setup();
  await tree(carl, 'Administer', 'Manage Users', 'Permission Sets');
  await carl.main.follow(set);
  await carl.main.follow('Manage Assignments');
  await carl.main.follow('Add Assignments');
  await carl.sees(/Make sure that the Salesforce system user is selected/);
  for (const name of everybody.filter((n) => n !== system)) await carl.check(name);
  await carl.press('Assign');
  await carl.sees('Assignment Summary');
  await carl.press('Done');
  const assigned = async () => (await org.query(`SELECT Assignee.Name FROM PermissionSetAssignment WHERE PermissionSet.Label = '${set}'`)).map((a) => a.Assignee.Name);
  assert.deepEqual((await assigned()).sort(), everybody.toSorted());

  // Before the set is on the app, nobody is let in through it: the Marketing Cloud tab says so.
  const sam = await person('the Salesforce system user');
  await sam.visit(ready.crm.url);
  await sam.signsInToOrg(systemUser, { stay: true });
  await sam.marketingCloud();
  await allows(sam);
  await sam.press('Connect to Marketing Cloud');
  await sam.sees('Nothing was connected');
  await sam.sees(/is not admin approved/);

  // seed:page S001-38 S001-39 S001-40 S001-41 S001-42 S001-43 S001-44
  await carl.setup();
  await tree(carl, 'Administer', 'Manage Apps', 'Connected Apps');
  await carl.main.follow(app);
  await carl.main.follow('Manage Permission Sets');
  await carl.check(set);
  await carl.press('Save');
  await carl.sees('Your changes are saved.');
  assert.equal(await attached(), 1);

  // Somebody has a session in Engagement, in the browser of the system user. Closing the tab does not end it; logging out does, and
  // Engagement's administrator ends all of a user's.
  // seed:page S001-45 S001-46 S001-47
  await guide(asked);
  await carl.sees('Log out of all active Engagement sessions.');
  await carl.sees(/the system connects to any active Engagement session to establish the Marketing Cloud Connect API user/);
  await carl.sees(/Closing the tab doesn.t end an active session/);
  const tab = await sam.another();
  await tab.signsInToEngagement(marketer);
  await tab.closes();
  const cloud = new URL('/cloud', ready.engagement.auth_url).href;
  await sam.visit(cloud);
  await sam.sees(`(${marketer.username})`);
  await sam.visit(`${ready.connect.url}/marketing-cloud`);
  await sam.sees(/log out of all active Engagement sessions/);
  await sam.sees(/Closing the tab doesn’t end an active session/);
  const olga = await person('Engagement’s administrator');
  await olga.signsInToEngagement(tenantAdmin);
  await olga.main.follow('Setup');
  await olga.main.follow('Active Sessions');
  await olga.row(marketer.username).press('End All');
  await olga.sees('All sessions of the user have ended');
  await sam.visit(cloud);
  assert.equal(await sam.heading(), 'Log In');
  await olga.press('Log Out');
  await olga.leaves();

  // seed:page S001-48 S001-49 S001-50 S001-51 S001-52
  await sam.visit(ready.crm.url);
  await sam.marketingCloud();
  await sam.press('Connect to Marketing Cloud');
  await sam.fill({ 'User name': marketer.username, Password: marketer.password }); // his own, by mistake
  await sam.press(login);
  await allows(sam);
  await sam.sees(`${marketer.username} is no API User`);
  assert.equal((await connect('GET', '/status')).state, 'not_connected');
  await sam.press('No, connect nothing');
  await sam.main.follow('Marketing Cloud tab');
  await sam.press('Connect to Marketing Cloud');
  await sam.fill({ 'User name': apiUser.username, Password: apiUser.password });
  await sam.press(login);
  await allows(sam);
  await sam.sees('Nothing is connected yet.');
  await sam.press('Yes, connect');
  await sam.sees('Both clouds are connected');
  await sam.sees(/No further password is needed/);
  const status = await connect('POST', '/status/check', {});
  assert.equal(status.state, 'connected');
  assert.equal(status.org.system_user, systemUser.username);
  assert.equal(status.engagement.api_user, apiUser.username);
  await sam.leaves();

  await guide();
  await carl.sees(/^No step is open/);
  await carl.sees(/\d+ done, 0 open/);
  const { sections } = await connect('GET', '/guides/001');
  assert.deepEqual(sections.flatMap((s) => s.steps ?? []).filter((s) => s.state === 'open').map((s) => s.text), []);
  await carl.leaves();
});
