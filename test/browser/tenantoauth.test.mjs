// Document 002: from the API user's stored password to tenant-specific OAuth, by two admins, in an account that is not Enterprise 2.0
// and in one that is.
// fixture: legacy
// up: --account-type core
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { allows, at, button, cloud, comes, course, opensTab } from './admins.mjs';
import { control, person, ready, until } from './browser.mjs';
import { connect, connectOf, mailTo, Org } from './api.mjs';

const { admin: orgAdmin, users } = ready.crm;
const { api_user: apiUser } = ready.engagement;
const { upgrade, turn, done } = course(connect);

/** credentials is Engagement's page, on which the API user's are asked for by the label of document 002. */
async function credentials(who, { username, password }) {
  await who.fill({ 'User name': username, Password: password });
  await who.press('Log-in');
  await allows(who);
  await who.sees('Nothing is connected yet.');
  await who.press('Yes, connect');
  await who.sees('The org is connected to Engagement');
}

/** upgradesPackage installs the newer package, in Setup. */
async function upgradesPackage(who) {
  await who.visit(`${ready.crm.url}/setup/installed-packages`);
  await who.choose('Version', '220');
  await who.press('Upgrade');
  await who.sees('220');
}

// What the document says, as its guide has it. seed:page S002-04 S002-07 S002-08 S002-10 S002-11 S002-14 S002-16 S002-17 S002-18 S002-20
const statements = [
  'Using Cross-Cloud Products with Marketing Cloud Engagement.',
  'Salesforce now sends email only from verified domains.',
  'Connected App Authentication is the secure way in which Marketing Cloud Connect connects from Engagement to Sales or Service Cloud.',
  'Users are authenticated automatically between the clouds, without Sales or Service Cloud password management.',
  'Salesforce admins complete the initial setup; then users log in once and are automatically authenticated in the future.',
  "SOAP and REST API limits do not apply to Marketing Cloud Connect, and calls into Engagement don't count against the daily limit.",
  "Connected App Authentication doesn't lift Bulk API limits.",
  'It is required for all Marketing Cloud Connect customers as of June 1, 2016.',
  "It's available with all versions of Marketing Cloud Connect.",
  'New customers complete document 001. Existing customers with an older managed package complete Upgrade to Connected App, document 003.',
  'Tenant-specific OAuth Authentication uses the JWT bearer token flow and access tokens, without storing Engagement user passwords within Sales and Service Clouds.',
  'It is available with the 220 or newer managed package release.',
  'To reduce downtime, follow these steps when you upgrade from an older version of the managed package.',
  'Allow all scheduled sends to complete before starting the upgrade, if possible.',
  'Ensure that you can log in to Engagement using the current API user credentials.',
  'Schedule the upgrade during off-peak hours, to minimize downtime if an unexpected error occurs.',
];

test('two admins upgrade to tenant-specific OAuth', async () => {
  const org = await Org.as(orgAdmin);
  const contact = await org.create('Contact', { FirstName: 'Tess', LastName: 'Tested', Email: 'tess@customer.example' });
  const now = Date.parse((await control('GET', '/clock')).now); // the pair's own
  const waits = await connect('POST', '/mailings', {
    kind: 'contact', ids: [contact], definition_key: 'welcome', as: users[0].username, at: new Date(now + 864e6).toISOString(),
  });
  // A user who was mapped once is authenticated automatically. seed:page S002-09 S002-12
  const maya = await person('a user');
  await opensTab(maya, users[0]);
  await maya.sees('Connected as');
  await maya.sees('The API user’s stored name and password');

  // The guide, and the pages that it leads to. seed:page S002-37 S002-38 S002-39
  const olga = await person('the Engagement admin');
  await comes(olga, 'engagement', '/guides/002');
  assert.equal(await olga.heading(), 'Authentication Between Clouds');
  for (const text of statements) await olga.sees(text);
  const leads = (text) => olga.go(olga.page.locator('.step', { hasText: text }).first().getByRole('link'));
  await leads('Existing customers with an older managed package complete Upgrade to Connected App');
  assert.equal(await olga.heading(), 'Upgrade to Connected App');
  await olga.sees(/required for all Marketing Cloud Connect accounts as of June 1, 2016/);
  await olga.visit(at('/guides/002'));
  await leads('follow Troubleshoot Connected App');
  assert.equal(await olga.heading(), 'Troubleshoot Connected App');
  await olga.sees('What refusals mean');

  // Somewhere to search, with tips where nothing is found; and below package 220 there is nothing to enable. seed:page S002-05 S002-06 S002-22
  const carl = await person('the CRM admin');
  await comes(carl, 'salesforce', '/console');
  await carl.fill({ 'Quick Find': 'zzzzzz' });
  await carl.press('Find');
  await carl.sees(/Check the spelling, try a more general word, or go by the tree/);
  await carl.visit(at('/console'));
  await carl.part('navigation', 'Connect').follow('Configuration Settings');
  await carl.sees('not there below package 220');

  // Mail leaves from verified domains alone. seed:page S002-02 S002-03
  await org.create('OrgWideEmailAddress', { Address: 'crm@unverified.example', DisplayName: 'The CRM', Purpose: 'DefaultNoreply' });
  await carl.visit(`${ready.crm.url}/setup/users`);
  await carl.sees(/Salesforce now sends email only from verified domains\. Mail of this org comes from .* until crm@unverified.example is verified/);
  await carl.follow('Read More');
  assert.equal(await carl.heading(), 'Deliverability');

  // Off-peak hours are proposed, and booked; the booking is taken back, to go on at once. seed:page S002-26
  await olga.visit(at('/upgrade?kind=tenant_oauth'));
  await olga.sees(/^Off-peak: .* is the quietest hour of the next seven days/);
  const proposed = `${(await olga.form('Schedule').field('When the outage opens (UTC)').inputValue()).replace(' ', 'T')}:00Z`;
  await olga.press('Schedule');
  await olga.sees('Booked');
  const booked = await upgrade();
  assert.equal(booked.state, 'booked');
  assert.equal(Date.parse(booked.at), Date.parse(proposed));
  await olga.fill({ 'Why it is taken back': 'today is quiet' });
  await olga.press('Take the booking back');
  await turn('cancelled');

  // What is scheduled is to be sent first: the upgrade waits for it, and it is cancelled on its page. seed:page S002-19 S002-23 S002-24
  await olga.visit(at('/upgrade?kind=tenant_oauth'));
  const begin = olga.form('I acknowledge the changes to my account');
  await begin.check('I acknowledge the changes to my account');
  await begin.press('Upgrade to tenant-specific OAuth');
  await turn('scheduled_sends');
  await olga.visit(at('/upgrade'));
  await olga.sees(new RegExp(waits.id));
  await carl.visit(at(`/console/sends/${waits.id}`));
  await carl.press('Cancel the send');
  assert.equal((await connect('GET', `/mailings/${waits.id}`)).state, 'cancelled');
  await done(olga, 'package');

  // The present credentials of the API user log in to Engagement, which the upgrade saw too. seed:page S002-25
  const api = await person('the API user');
  await api.signsInToEngagement(apiUser);
  await api.sees(`(${apiUser.username})`);
  await api.leaves();
  await olga.visit(at('/upgrade'));
  await olga.sees(new RegExp(`${apiUser.username} signs in`));

  // The CRM admin: the newer package, and the setting. A password of the time before is in the org. seed:page S002-27 S002-28
  await upgradesPackage(carl);
  const settings = async () => (await org.query('SELECT Id, et4ae5__Tenant_Specific_OAuth__c, et4ae5__Auth_API_URL__c, et4ae5__Root_SOAP_API_URL__c, et4ae5__Password__c FROM et4ae5__Configuration__c'))[0];
  const old = await settings();
  if (old) await org.call('PATCH', `/sobjects/et4ae5__Configuration__c/${old.Id}`, { et4ae5__Password__c: 'of the time before' });
  else await org.create('et4ae5__Configuration__c', { et4ae5__Password__c: 'of the time before' });
  await done(carl, 'tenant_oauth_setting');
  await comes(carl, 'salesforce', '/console/settings');
  await carl.sees('not enabled');
  await carl.check('Enable tenant-specific OAuth Endpoints');
  await carl.press('Save the Configuration Settings');
  await carl.sees('The settings are saved');
  const enabled = await settings();
  assert.equal(enabled.et4ae5__Tenant_Specific_OAuth__c, true);
  assert.equal(new URL(enabled.et4ae5__Auth_API_URL__c).host, new URL(ready.engagement.auth_url).host);
  assert.equal(new URL(enabled.et4ae5__Root_SOAP_API_URL__c).host, new URL(ready.engagement.soap_url).host);
  await button(carl, 'Connect to Marketing Cloud').waitFor(); // where no wizard is followed
  await done(carl, 'connect_marketing_cloud');

  // Connect to Marketing Cloud, the API user's credentials, Log-in. seed:page S002-29 S002-30 S002-31
  await olga.visit(at('/upgrade'));
  await olga.main.follow('Connect to Marketing Cloud');
  await olga.sees(/Log out of all active Engagement sessions first/);
  await olga.press('Connect to Marketing Cloud');
  await credentials(olga, apiUser);
  await turn('verify');
  assert.equal((await connect('GET', '/status')).engagement.auth, 'jwt');

  // The account is not Enterprise 2.0: a triggered send test confirms the migration, also while the outage lasts. seed:page S002-36
  await olga.visit(at('/console/test-sends'));
  await olga.form('Triggered send test').fill({ 'Send definition': 'welcome', 'Id of a contact or lead': 'nonsense' });
  await olga.press('Send the triggered send');
  assert.equal(await olga.form('Triggered send test').field('Send definition').inputValue(), 'welcome');
  await olga.form('Triggered send test').fill({ 'Id of a contact or lead': contact });
  await olga.press('Send the triggered send');
  await until('the triggered send', async () => (await mailTo('tess@customer.example')).length === 1);
  await until('the page of the test send', async () => {
    await olga.follow('Look again');
    return olga.page.getByText('The message was sent').count();
  });
  await done(olga, 'done');

  // The Marketing Cloud tab tells that the credentials were converted, and the user of before is asked for nothing. seed:page S002-09 S002-12 S002-32
  await opensTab(carl, orgAdmin);
  await carl.sees('Connect to Marketing Cloud');
  await carl.lacks('Enter the API user credentials');
  await opensTab(maya, users[0]);
  await maya.sees('Connected as');
  await maya.sees(/Tenant-specific OAuth; the API user’s credentials were converted on/);

  // No password of an Engagement user is stored: not by Connect, and the org's is deleted. seed:page S002-21
  const check = async (name) => (await connect('GET', '/upgrade/tenant-oauth')).after.find((c) => c.name === name);
  assert.equal((await check('credentials_removed')).ok, false);
  await carl.visit(at('/console/settings/tenant-oauth'));
  await carl.sees('the org\'s Marketing Cloud configuration keeps one');
  await carl.visit(at('/console/settings'));
  await carl.check('Delete the API user’s password that the settings keep');
  await carl.press('Save the Configuration Settings');
  await carl.sees('The settings are saved');
  assert.equal((await settings()).et4ae5__Password__c, null);
  assert.equal((await check('credentials_removed')).ok, true);
  await carl.visit(at('/console/settings/tenant-oauth'));
  await carl.sees('The upgrade is verified');
  await carl.visit(at('/console/settings'));
  await carl.sees(/the API user’s credentials were converted on/);
  await carl.uncheck('Enable tenant-specific OAuth Endpoints');
  await carl.press('Save the Configuration Settings');
  await carl.sees(/disconnect first, or cancel the upgrade/);
  assert.equal((await settings()).et4ae5__Tenant_Specific_OAuth__c, true);

  // The calls into Engagement do not count against the org's limit. seed:page S002-13 S002-15
  await carl.visit(at('/console/usage'));
  await carl.page.getByRole('columnheader', { name: 'Into Engagement' }).waitFor();
  const { hours } = await connect('GET', '/usage');
  const into = hours.filter((h) => h.cloud !== 'org');
  assert.ok(into.length > 0 && into.every((h) => !h.counted), JSON.stringify(into));

  // An API user whose grant is gone did not migrate: the tab prompts an administrator for his credentials. seed:page S002-33
  await olga.visit(`${cloud}/setup/packages`);
  await olga.main.follow('Marketing Cloud Connect');
  await olga.follow('Access');
  await olga.row(apiUser.username).press('Revoke');
  await connect('POST', '/status/check', {});
  await opensTab(carl, orgAdmin);
  await carl.sees('Enter the API user credentials');
  await opensTab(maya, users[0]);
  await maya.lacks('Enter the API user credentials');
  await carl.press('Log in as the API user');
  await credentials(carl, apiUser);
  assert.equal((await connect('POST', '/status/check', {})).engagement.state, 'connected');
  await opensTab(carl, orgAdmin);
  await carl.lacks('Enter the API user credentials');
  for (const who of [olga, carl, maya]) await who.leaves();
});

test('in an Enterprise 2.0 account a business unit that was active is missing, added and saved', async () => {
  const pair = await control('POST', '/pairs', { fixture: 'legacy' }, 120_000);
  const call = connectOf(pair);
  const it = course(call);
  const [first, second] = pair.engagement.business_units;
  const active = async ({ mid }) => (await call('GET', '/business-units')).business_units.find((u) => u.account_id === mid).enabled;
  await call('POST', '/business-units', { account_ids: [first.mid, second.mid], enabled: true });
  await call('POST', '/upgrade', { kind: 'tenant_oauth', acknowledged: true });
  await it.turn('package');
  await call('POST', '/business-units', { account_ids: [second.mid], enabled: false });

  const carl = await person('the CRM admin');
  await carl.signsInToOrg(pair.crm.admin);
  await upgradesPackage(carl);
  await comes(carl, 'salesforce', '/upgrade', pair);
  await it.done(carl, 'tenant_oauth_setting');
  await carl.visit(at('/console/settings'));
  await carl.check('Enable tenant-specific OAuth Endpoints');
  await carl.press('Save the Configuration Settings');
  await it.done(carl, 'connect_marketing_cloud');
  // In the outage of this upgrade the tab prompts for the credentials all the same. seed:page S002-29 S002-33
  await opensTab(carl, pair.crm.admin, pair);
  await carl.sees(/upgrade in progress until/);
  await carl.sees('Enter the API user credentials');
  await carl.press('Log in as the API user');
  await credentials(carl, pair.engagement.api_user);
  await it.done(carl, 'verify');

  // seed:page S002-34 S002-35
  await carl.visit(at('/upgrade'));
  await carl.sees(new RegExp(`${second.name}: not active`));
  await carl.part('navigation', 'Connect').follow('Manage Business Units');
  await carl.row(first.name).sees('enabled');
  await carl.row(second.name).sees('not enabled');
  await carl.check(second.name);
  await carl.press('Add and save');
  await carl.sees('The business units are saved');
  assert.deepEqual([await active(first), await active(second)], [true, true]);
  await it.done(carl, 'done');
  await carl.visit(at('/console/settings/tenant-oauth'));
  await carl.sees('The upgrade is verified');
  assert.equal((await call('GET', '/upgrade/tenant-oauth')).done, true);
  await carl.leaves();
});
