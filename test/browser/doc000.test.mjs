// Document 000, Clear out User Mappings in MC Connect: its three scenarios from symptom to cure, below version 5.493 by the User
// record and from there on by the user himself. Each person has a browser of his own: three users, the org's administrator, the
// Salesforce system user at Connect's console, and Engagement's administrator.
// fixture: demo
// up: --package 5.400
// minutes: 1
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { person, ready, until } from './browser.mjs';
import { connect, mailTo, Org } from './api.mjs';

const label = 'Marketing Cloud OAuth Token';
const field = 'et4ae5__ExactTarget_OAuth_Token__c';
const reason = 'to begin as at the first mapping';
const { api_user: apiUser } = ready.engagement;

/** mapping is what Connect's API knows of a user. */
const mapping = async ({ username }) => (await connect('GET', '/users')).users.find((u) => u.crm_username === username);

const state = async (user) => (await mapping(user))?.state;

/** allows lets Connect read who somebody is, where a cloud asks. */
async function allows(who) {
  if (await who.page.getByRole('button', { name: 'Allow', exact: true }).count()) await who.press('Allow');
}

/** Somebody is a user of both clouds at his own browser. */
class Somebody {
  static async at(number, name) {
    const somebody = new Somebody();
    somebody.org = ready.crm.users[number];
    somebody.tenant = { ...ready.engagement.users[number] };
    somebody.browser = await person(name);
    await somebody.browser.signsInToOrg(somebody.org);
    return somebody;
  }

  /** opensTheTab goes to the Marketing Cloud tab of the org. */
  async opensTheTab() {
    await this.browser.visit(ready.crm.url);
    await this.browser.marketingCloud();
    await allows(this.browser);
  }

  /** gives presses the tab's button and gives the credentials in Engagement. */
  async gives({ username, password }) {
    await this.browser.press('Connect to Marketing Cloud');
    await this.browser.fill({ 'User name': username, Password: password });
    await this.browser.press(/^(Login|Log-in)$/);
  }

  /** maps is the first visit of the tab, and the one after a mapping was cleared: he is prompted, with his own credentials. */
  async maps() {
    await this.opensTheTab();
    await this.gives(this.tenant);
    await allows(this.browser);
    await this.browser.press('Yes, connect me');
    await this.browser.sees(`Connected as ${this.tenant.username}.`);
    const now = await mapping(this.org);
    assert.equal(now.state, 'mapped');
    assert.equal(now.engagement_username, this.tenant.username);
  }
}

test('document 000', async () => {
  const org = await Org.as();
  const ann = await Somebody.at(0, 'who took the API user for herself');
  const nora = await Somebody.at(1, 'who may not send');
  const pete = await Somebody.at(2, 'who is denied his log-in');
  const all = [ann, nora, pete];

  // The guide, and the mappings of all three cleared by Connect itself: they are about to be mapped for the first time.
  const cora = await person('the system user at the console');
  await cora.visit(`${ready.connect.url}/console/sign-in/salesforce?return=/guides/000`);
  await cora.signsInToOrg(ready.crm.system_user, { stay: true });
  await allows(cora);
  // seed:page S000-01 S000-02 S000-03 S000-04 S000-05 S000-06 S000-08
  assert.equal(await cora.heading(), 'Clear out User Mappings in MC Connect');
  await cora.page.getByRole('link', { name: 'Print this page', exact: true }).waitFor();
  await cora.sees('000214335');
  await cora.sees('Remove the mapping between a Marketing Cloud User and a Salesforce User. Three scenarios make it necessary.');
  await cora.sees(/MC Connect \(ET, ExactTarget\), Salesforce \(SF\), the ExactTarget User record, .* and the API\/Tracking User/);
  await cora.sees('This applies to V5 only.');
  await cora.sees(/usually those of the API\/Tracking User, who is there beside the person's own user/);
  // seed:page S000-16 S000-33 S000-34
  await cora.sees(/^Remove the OAuth token from the Salesforce User/);
  await cora.sees(/Important: as of the release of Version 5.493, which is the first, .* contained within a protected field/);
  await cora.part('navigation', 'Connect').follow('Mappings');
  for (const { org: user } of all) await cora.check(user.username);
  await cora.press('Clear the mappings chosen');
  await cora.field(/^Why/).fill(reason);
  await cora.press('Clear');
  await cora.sees(/3 mappings were cleared/);
  for (const { org: user } of all) assert.equal(await state(user), 'cleared');

  // 1. The wrong user name and password at the first mapping: those of the API user. What is unusual is asked about.
  // seed:page S000-07
  await ann.opensTheTab();
  await ann.gives(apiUser);
  await allows(ann.browser);
  await ann.browser.sees(`You signed in to Engagement as ${apiUser.username}`);
  assert.equal(await state(ann.org), 'cleared');
  await ann.browser.press(`Map me to ${apiUser.username} all the same`);
  await ann.browser.sees(`Connected as ${apiUser.username}.`);
  assert.equal((await mapping(ann.org)).engagement_username, apiUser.username);

  // 2. Permissions are changed in Engagement. A user without the right to send is integrated, and cannot send through it; granting
  // the right later does not help.
  const olga = await person('Engagement’s administrator');
  await olga.signsInToEngagement(ready.engagement.admin);
  const user = async (username) => {
    await olga.visit(new URL('/cloud', ready.engagement.auth_url).href);
    await olga.main.follow('Email Studio');
    await olga.main.follow('Admin');
    await olga.main.follow('My Users');
    await olga.go(olga.row(username).root.getByRole('link').first());
  };
  const roles = async (may) => {
    await user(nora.tenant.username);
    await olga.follow('Manage Roles');
    for (const role of ['Content Creator', 'Marketing Cloud Content Editor/Publisher']) await olga[may ? 'check' : 'uncheck'](role);
    await olga.press('Save');
    await olga.sees('The roles are saved.');
  };
  let sent = 0;
  const sends = async (who) => {
    const to = `message-${++sent}@customer.example`;
    await cora.visit(`${ready.connect.url}/console/test-sends`);
    const myself = cora.form('Send a test email to yourself');
    await myself.fill({ 'Send definition': 'welcome', 'As the user': who.org.username, 'Address that it goes to': to });
    await myself.press('Send the test email');
    return to;
  };
  const refused = async (who) => {
    const to = await sends(who);
    await cora.sees('The message was not sent');
    assert.deepEqual(await mailTo(to), []);
  };
  // seed:page S000-09 S000-10
  await roles(false);
  await nora.maps();
  await refused(nora);
  // seed:page S000-11
  await roles(true);
  await refused(nora);
  assert.equal(await state(nora.org), 'stale');

  // 3. A token is stored that Engagement refuses: the user was made an API user and got another password. The tab asks for user name
  // and password all the same, and the right ones are denied.
  await pete.maps();
  await user(pete.tenant.username);
  await olga.follow('Edit');
  await olga.check('API User');
  await olga.press('Save');
  await olga.follow('Reset Password');
  await olga.press('Reset Password');
  await olga.sees('This page shows it once.');
  const temporary = await olga.page.locator('dt:has-text("Temporary password") + dd').innerText();
  // seed:page S000-13 S000-14
  await pete.opensTheTab();
  await pete.browser.sees('Engagement refuses the stored token');
  assert.equal(await state(pete.org), 'broken');
  assert.equal((await org.query(`SELECT ${field} FROM User WHERE Username = '${pete.org.username}'`))[0][field]?.length > 0, true);
  pete.tenant.password = 'Another-Passw0rd-1';
  await pete.gives({ username: pete.tenant.username, password: temporary });
  await pete.browser.fill({ 'Present password': temporary, 'New password': pete.tenant.password, 'New password again': pete.tenant.password });
  await pete.browser.press('Change password and log in');
  await allows(pete.browser);
  await pete.browser.sees(/login denied/);
  assert.equal(await state(pete.org), 'broken');

  // The token is deleted on the User record. Somebody without elevated permissions cannot; and the layout of a new org hides the field.
  // seed:page S000-18 S000-19 S000-20 S000-21 S000-22
  await ann.browser.visit(`${ready.crm.url}/setup/users`);
  await ann.browser.sees(/You do not have the permission that this page needs/);
  const carl = await person('the org’s administrator', { script: true });
  await carl.visit(ready.crm.url);
  await carl.signsInToOrg(ready.crm.admin, { stay: true });
  const edits = async (who) => {
    await carl.visit(ready.crm.url);
    await carl.setup();
    await carl.part('navigation', 'Setup').walk('Administer', 'Manage Users', 'Users');
    await carl.row(who.org.username).follow('Edit');
    await carl.sees('Additional Information');
  };
  await edits(ann);
  assert.equal(await carl.field(label).count(), 0);
  // seed:page S000-27 S000-28 S000-29 S000-30 S000-31 S000-32
  await carl.part('navigation', 'Setup').walk('Build', 'Customize', 'Users', 'Page Layouts');
  await carl.row('User Layout').follow('Edit');
  const lane = carl.page.getByRole('region', { name: 'Additional Information', exact: true });
  const piece = () => carl.page.locator(`[data-piece="${field}"]`);
  const drag = async (to) => {
    const arrived = carl.arrival();
    await piece().dragTo(to);
    await arrived;
    await carl.page.waitForLoadState('load');
    await carl.look();
    await carl.sees('Nothing is saved yet.');
  };
  await drag(lane);
  await drag(carl.page.locator('[data-lane=""]')); // off the layout again
  assert.equal(await lane.locator(`[data-piece="${field}"]`).count(), 0);
  await drag(lane);
  await drag(lane.locator('[data-piece]').first());
  assert.equal(await lane.locator('[data-piece]').first().getAttribute('data-piece'), field);
  await carl.press('Save');
  await carl.sees('The layout is saved.');
  // seed:page S000-23 S000-24 S000-25
  for (const who of all) {
    await edits(who);
    await carl.field(label).focus();
    await carl.page.keyboard.press('ControlOrMeta+A');
    await carl.page.keyboard.press('Delete');
    await carl.press('Save');
    await carl.sees('Your changes are saved.');
    assert.equal((await org.query(`SELECT ${field} FROM User WHERE Username = '${who.org.username}'`))[0][field], null);
  }
  await connect('POST', '/users/check', {});
  for (const who of all) assert.equal(await state(who.org), 'cleared');
  const about = `/guides/000?user=${encodeURIComponent(ann.org.username)}`;
  await cora.visit(`${ready.connect.url}${about}`);
  await cora.sees(/Log in to Salesforce as the User who was reset and access the Marketing Cloud tab/);
  const steps = (await connect('GET', about)).sections.flatMap((s) => s.steps ?? []).filter((s) => s.state === 'open');
  assert.deepEqual(steps.map((s) => s.number), ['8']);

  // Each is prompted at the next visit of the tab, connects with his own credentials, and what is sent for him arrives.
  // seed:page S000-12 S000-15 S000-17 S000-26
  for (const who of all) {
    await who.maps();
    const to = await sends(who);
    await until('the message', async () => (await mailTo(to)).length === 1);
  }

  // As of 5.493 the tokens that are there go on working, and the User record clears none.
  // seed:page S000-35 S000-36
  await carl.part('navigation', 'Setup').walk('Build', 'Installed Packages');
  await carl.choose('Version', '5.493');
  await carl.press('Upgrade');
  await carl.sees('The package is installed.');
  await edits(ann);
  await carl.sees('Caution: from version 5.493');
  assert.equal(await carl.field(label).count(), 0);
  await carl.fill({ Title: 'Sender' });
  await carl.press('Save');
  await carl.sees('Your changes are saved.');
  await connect('POST', '/users/check', {});
  const before = await mapping(ann.org);
  assert.equal(before.state, 'mapped');
  await ann.opensTheTab();
  await ann.browser.sees(`Connected as ${ann.tenant.username}.`);

  // The user goes where the caution on his record leads, and gives his credentials anew.
  // seed:page S000-37 S000-38 S000-39
  const caution = carl.main.root.getByRole('link', { name: 'Marketing Cloud tab > My Credentials' });
  assert.ok((await caution.getAttribute('href')).startsWith(`${ready.connect.url}/marketing-cloud`));
  await ann.browser.page.getByRole('heading', { name: 'My Credentials', exact: true }).waitFor();
  await ann.browser.press('Reset my mapping');
  assert.equal(await state(ann.org), 'cleared');
  await ann.gives(ann.tenant);
  await allows(ann.browser);
  await ann.browser.press('Yes, connect me');
  await ann.browser.sees(`Connected as ${ann.tenant.username}.`);
  const after = await mapping(ann.org);
  assert.equal(after.state, 'mapped');
  assert.notEqual(after.mapped_at, before.mapped_at);
  await ann.browser.press('Sign out of Connect');
  for (const who of all) await who.browser.leaves();
  for (const who of [cora, olga, carl]) await who.leaves();
});
