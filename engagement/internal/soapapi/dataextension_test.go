package soapapi_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/sender/sendertest"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// message is a Create, Update or Delete of objects.
func message(operation, options, objects string) string {
	return `<` + operation + `Request xmlns="http://exacttarget.com/wsdl/partnerAPI">` + options + objects + `</` + operation + `Request>`
}

const updateAdd = `<Options><SaveOptions><SaveOption><PropertyName>*</PropertyName><SaveAction>UpdateAdd</SaveAction></SaveOption></SaveOptions></Options>`

// people is a data extension with a field of every type.
const people = `<Objects xsi:type="DataExtension"><CustomerKey>People</CustomerKey><Name>People</Name><Description/><IsSendable>true</IsSendable>` +
	`<SendableDataExtensionField><Name>Key</Name></SendableDataExtensionField><SendableSubscriberField><Name>_SubscriberKey</Name></SendableSubscriberField><Fields>` +
	`<Field><Name>Key</Name><FieldType>Text</FieldType><MaxLength>50</MaxLength><IsPrimaryKey>true</IsPrimaryKey><IsRequired>true</IsRequired></Field>` +
	`<Field><Name>Mail</Name><FieldType>EmailAddress</FieldType><IsRequired>true</IsRequired></Field>` +
	`<Field><Name>Age</Name><FieldType>Number</FieldType></Field>` +
	`<Field><Name>Spent</Name><FieldType>Decimal</FieldType><MaxLength>10</MaxLength><Scale>2</Scale></Field>` +
	`<Field><Name>Since</Name><FieldType>Date</FieldType><DefaultValue>GETDATE()</DefaultValue></Field>` +
	`<Field><Name>Gold</Name><FieldType>Boolean</FieldType><DefaultValue>false</DefaultValue></Field>` +
	`<Field><Name>Phone</Name><FieldType>Phone</FieldType></Field><Field><Name>Locale</Name><FieldType>Locale</FieldType></Field></Fields></Objects>`

// row is a DataExtensionObject of People; names and values come in turn.
func row(pairs ...string) string {
	var b strings.Builder
	b.WriteString(`<Objects xsi:type="DataExtensionObject"><CustomerKey>people</CustomerKey><Properties>`)
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&b, `<Property><Name>%s</Name><Value>%s</Value></Property>`, pairs[i], pairs[i+1])
	}
	return b.String() + `</Properties></Objects>`
}

// rows retrieves columns of People as "a,b;c,d".
func rows(t *testing.T, server *httptest.Server, columns, more string) string {
	t.Helper()
	text := call(t, server, "Retrieve", `<RetrieveRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><RetrieveRequest><ObjectType>DataExtensionObject[People]</ObjectType><Properties>`+
		strings.ReplaceAll(columns, ",", "</Properties><Properties>")+`</Properties>`+more+`</RetrieveRequest></RetrieveRequestMsg>`)
	if !strings.Contains(text, "<OverallStatus>OK<") {
		_, status, _ := strings.Cut(text, "<OverallStatus>")
		status, _, _ = strings.Cut(status, "<")
		return status
	}
	var list []string
	for _, result := range strings.Split(text, `<Results xsi:type="DataExtensionObject"><PartnerKey xsi:nil="true"/><ObjectID xsi:nil="true"/><Type>DataExtensionObject</Type>`)[1:] {
		var values []string
		for _, property := range strings.Split(result, "<Property>")[1:] {
			_, value, _ := strings.Cut(strings.ReplaceAll(property, "<Value/>", "<Value></Value>"), "<Value>")
			value, _, _ = strings.Cut(value, "</Value>")
			values = append(values, value)
		}
		list = append(list, strings.Join(values, ","))
	}
	return strings.Join(list, ";")
}

// TestDataExtensions makes, fills, reads, changes and removes a data extension as SDKs do.
func TestDataExtensions(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			k := kit(t, kind)
			server := k.Serve()
			expect := func(what, text string, want ...string) {
				t.Helper()
				for _, w := range want {
					if !strings.Contains(text, w) {
						t.Errorf("%s: %s is missing in\n%s", what, w, text)
					}
				}
			}
			expect("create", call(t, server, "Create", message("Create", "", people)), "<StatusMessage>Data Extension created.</StatusMessage>", "<NewID>0</NewID><NewObjectID>", "<OverallStatus>OK<")
			expect("create again", call(t, server, "Create", message("Create", "", people)), "<ErrorCode>2</ErrorCode>", "exists already")
			values, status := retrieve(t, server, "good", "DataExtension", "SendableSubscriberField.Name", filter("CustomerKey", "equals", "People"))
			if status != "OK" || len(values) != 1 || values[0] != "Subscriber Key" {
				t.Errorf("the data extension is %v, %s", values, status)
			}
			if names, _ := retrieve(t, server, "good", "DataExtensionField", "Name", filter("DataExtension.CustomerKey", "equals", "People")); len(names) != 8 {
				t.Errorf("its fields are %v", names)
			}

			expect("insert", call(t, server, "Create", message("Create", "", row("Key", "A", "Mail", "ada@example.com", "Age", "036", "Spent", "12.345", "Since", "1815-12-10", "Gold", "yes", "Phone", "+44 20 7946", "Locale", "en-GB")+row("KEY", "b", "mail", "bob@example.com"))),
				`<Results xsi:type="DataExtensionCreateResult"><StatusCode>OK</StatusCode><StatusMessage>Created DataExtensionObject</StatusMessage><OrdinalID>0</OrdinalID>`, "<OrdinalID>1</OrdinalID>", "<OverallStatus>OK<")
			if got := rows(t, server, "Key,Age,Spent,Since,Gold,Locale", filter("Key", "equals", "a")); got != "A,36,12.35,12/10/1815 12:00:00 AM,True,en-GB" {
				t.Error(got)
			}
			if got := rows(t, server, "Key,Age,Since,Gold", filter("Key", "equals", "B")); got != "b,,6/1/2026 12:00:00 PM,False" {
				t.Errorf("defaults: %s", got)
			}
			expect("insert again", call(t, server, "Create", message("Create", "", row("Key", "a", "Mail", "x@example.com"))),
				"<StatusCode>Error</StatusCode>", "Violation of PRIMARY KEY constraint", "<KeyErrors><KeyError>", "<ValueErrors></ValueErrors>")
			expect("wrong values", call(t, server, "Create", message("Create", "", row("Key", "c", "Mail", "nowhere", "Age", "old", "Nose", "red"))),
				"<ErrorMessage>", "<Name>Mail</Name>", "The value for column [Mail] is not a valid email address. Parse error [InvalidEmailAddress]", "<Name>Age</Name>", "<Name>Nose</Name>", "<KeyErrors></KeyErrors>")
			expect("missing values", call(t, server, "Create", message("Create", "", row("Key", "c"))), "<Name>Mail</Name>", "needs a value")
			expect("some of both", call(t, server, "Create", message("Create", "", row("Key", "c", "Mail", "c@example.com")+row("Key", "d"))), "<OverallStatus>Has Errors<")

			expect("update", call(t, server, "Update", message("Update", "", `<Objects xsi:type="DataExtensionObject"><CustomerKey>People</CustomerKey><Properties><Property><Name>Age</Name><Value>7</Value></Property></Properties><Keys><Key><Name>Key</Name><Value>C</Value></Key></Keys></Objects>`)),
				`xsi:type="DataExtensionUpdateResult"`, "Updated DataExtensionObject")
			expect("update nobody", call(t, server, "Update", message("Update", "", row("Key", "zz", "Age", "1"))), "There is no row with this primary key.")
			expect("upsert", call(t, server, "Update", message("Update", updateAdd, row("Key", "d", "Mail", "d@example.com", "Age", "8")+row("Key", "c", "Age", ""))), "<OverallStatus>OK<")
			if got := rows(t, server, "Key,Age", ""); got != "A,36;b,;c,;d,8" {
				t.Error(got)
			}
			expect("delete", call(t, server, "Delete", message("Delete", "", `<Objects xsi:type="DataExtensionObject"><CustomerKey>People</CustomerKey><Keys><Key><Name>Key</Name><Value>b</Value></Key></Keys></Objects>`)), "Deleted DataExtensionObject")
			if got := rows(t, server, "Key", ""); got != "A;c;d" {
				t.Error(got)
			}

			for _, c := range [][3]string{
				{"Age", "greaterThan", "7"},
				{"Age", "isNull", ""},
				{"Key", "IN", "a|d"},
				{"Spent", "equals", "12.350"},
				{"Since", "lessThan", "1900-01-01"},
				{"Gold", "equals", "true"},
				{"Mail", "like", "%@example.com"},
				{"Mail", "notContains", "ada"},
				{"Age", "like", "3"},
				{"Age", "equals", "x"},
				{"Nose", "equals", "x"},
			} {
				want := map[string]string{
					"Age greaterThan 7": "A;d", "Age isNull ": "c", "Key IN a|d": "A;d", "Spent equals 12.350": "A", "Since lessThan 1900-01-01": "A", "Gold equals true": "A",
					"Mail like %@example.com": "A;c;d", "Mail notContains ada": "c;d", "Age like 3": "Error: The operator like needs a field that holds text; Age is of type Number.",
					"Age equals x": "Error: The value &apos;x&apos; does not fit Age, which is of type Number.", "Nose equals x": "Error: The filter property &apos;Nose&apos; does not exist on People.",
				}[strings.Join(c[:], " ")]
				var list []string
				if c[2] != "" {
					list = strings.Split(c[2], "|")
				}
				got := strings.NewReplacer("&#39;", "&apos;", "'", "&apos;").Replace(rows(t, server, "Key", filter(c[0], c[1], list...)))
				if got != want {
					t.Errorf("%v: %s, want %s", c, got, want)
				}
			}
			if got := rows(t, server, "Key,Nose", ""); got != "Error: The Request Property(s) Nose do not match with the fields of People retrieve" {
				t.Error(got)
			}

			expect("change", call(t, server, "Update", message("Update", "", `<Objects xsi:type="DataExtension"><CustomerKey>PEOPLE</CustomerKey><Description>All of them</Description><Fields><Field><Name>Key</Name><MaxLength>80</MaxLength></Field><Field><Name>City</Name><FieldType>Text</FieldType></Field></Fields></Objects>`)), "Data Extension updated.")
			expect("shorten", call(t, server, "Update", message("Update", "", `<Objects xsi:type="DataExtension"><CustomerKey>People</CustomerKey><Fields><Field><Name>Key</Name><MaxLength>10</MaxLength></Field></Fields></Objects>`)), "cannot become shorter")
			expect("write the new field", call(t, server, "Update", message("Update", "", row("Key", "c", "City", "Paris"))), "Updated DataExtensionObject")
			expect("remove a field", call(t, server, "Delete", message("Delete", "", `<Objects xsi:type="DataExtension"><CustomerKey>People</CustomerKey><Fields><Field><Name>City</Name></Field></Fields></Objects>`)), "Data Extension Fields deleted")
			expect("remove the key", call(t, server, "Delete", message("Delete", "", `<Objects xsi:type="DataExtension"><CustomerKey>People</CustomerKey><Fields><Field><Name>Key</Name></Field></Fields></Objects>`)), "part of the primary key")
			expect("put it back", call(t, server, "Update", message("Update", "", `<Objects xsi:type="DataExtension"><CustomerKey>People</CustomerKey><Fields><Field><Name>City</Name><FieldType>Text</FieldType></Field></Fields></Objects>`)), "Data Extension updated.")
			if got := rows(t, server, "Key,City", filter("Key", "equals", "c")); got != "c," {
				t.Errorf("a value came back with its field: %s", got)
			}

			expect("another unit's", call(t, server, "Delete", message("Delete", "", strings.Replace(people, "<CustomerKey>", "<Client><ID>510000002</ID></Client><CustomerKey>", 1))), "<ErrorCode>2</ErrorCode>")
			expect("delete all", call(t, server, "Delete", message("Delete", "", `<Objects xsi:type="DataExtension"><CustomerKey>People</CustomerKey></Objects>`)), "Data Extension deleted.")
			if got := rows(t, server, "Key", ""); got != "Error: There is no such data extension." {
				t.Error(got)
			}
			k.Drain()
			var left int
			if err := k.DB.QueryRow(t.Context(), `SELECT (SELECT COUNT(*) FROM data_extension_row) + (SELECT COUNT(*) FROM data_extension)`).Scan(&left); err != nil || left != 0 {
				t.Errorf("%d rows are left: %v", left, err)
			}
			expect("make it anew", call(t, server, "Create", message("Create", "", people)), "Data Extension created.")
		})
	}
}

// TestDataExtensionPages reads many rows page by page.
func TestDataExtensionPages(t *testing.T) {
	t.Parallel()
	k := kit(t, "sqlite")
	server := k.Serve()
	k.Retrieves.Batch = 100
	call(t, server, "Create", message("Create", "", people))
	var all []tenant.RowInput
	for i := range 250 {
		key, mail, age := fmt.Sprintf("k%03d", i), "x@example.com", fmt.Sprint(i)
		all = append(all, tenant.RowInput{"Key": &key, "Mail": &mail, "Age": &age})
	}
	if _, refusals, err := k.Data.WriteRows(t.Context(), sendertest.Principal(sendertest.Top), tenant.ExtensionRef{Key: "People"}, tenant.RowInsert, all, true); err != nil || refusals[249] != nil {
		t.Fatal(err, refusals[249])
	}
	for name, c := range map[string]struct{ more, sizes string }{
		"all":      {"", "100,100,50"},
		"filtered": {filter("Age", "greaterThanOrEqual", "100"), "100,50"},
		"none":     {filter("Age", "greaterThan", "900"), "0"},
	} {
		var sizes []string
		more := ""
		for {
			text := call(t, server, "Retrieve", `<RetrieveRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><RetrieveRequest><ObjectType>DataExtensionObject[People]</ObjectType><Properties>Key</Properties>`+c.more+more+`</RetrieveRequest></RetrieveRequestMsg>`)
			sizes = append(sizes, fmt.Sprint(strings.Count(text, "<Results ")))
			if !strings.Contains(text, ">MoreDataAvailable<") {
				break
			}
			_, id, _ := strings.Cut(text, "<RequestID>")
			id, _, _ = strings.Cut(id, "<")
			more = "<ContinueRequest>" + id + "</ContinueRequest>"
		}
		if got := strings.Join(sizes, ","); got != c.sizes {
			t.Errorf("%s: pages of %s, want %s", name, got, c.sizes)
		}
	}
}

// TestDataExtensionRights: reading needs the scope, writing the permission too.
func TestDataExtensionRights(t *testing.T) {
	t.Parallel()
	k := kit(t, "sqlite")
	server := k.Serve()
	call(t, server, "Create", message("Create", "", people))
	poor := sendertest.Principal(sendertest.Top)
	poor.Permissions = nil
	k.Auth.Put("poor", poor)
	as := func(body string) string {
		return post(t, server, "/Service.asmx", strings.Replace(envelope(body), ">good<", ">poor<", 1), "SOAPAction", "Create").text
	}
	for _, body := range []string{message("Create", "", people), message("Update", "", people), message("Delete", "", people), message("Create", "", row("Key", "a", "Mail", "a@example.com")), message("Delete", "", row("Key", "a"))} {
		if text := as(body); !strings.Contains(text, "API Permission Failed.") {
			t.Error(text)
		}
	}
	read := `<RetrieveRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><RetrieveRequest><ObjectType>DataExtensionObject[People]</ObjectType><Properties>Key</Properties></RetrieveRequest></RetrieveRequestMsg>`
	if text := as(read); !strings.Contains(text, "<OverallStatus>OK<") {
		t.Error(text)
	}
	poor.Scopes = []string{"email_read"}
	k.Auth.Put("poor", poor)
	if text := as(read); !strings.Contains(text, "Error: API Permission Failed.") {
		t.Error(text)
	}
}

// TestDataExtensionDefinitions is the table of definitions that cannot be stored.
func TestDataExtensionDefinitions(t *testing.T) {
	t.Parallel()
	k := kit(t, "sqlite")
	server := k.Serve()
	field := func(name, kind, more string) string {
		return `<Fields><Field><Name>` + name + `</Name><FieldType>` + kind + `</FieldType>` + more + `</Field></Fields>`
	}
	for name, c := range map[string][2]string{
		"no fields":         {"", "has 1 to 250 fields"},
		"unknown type":      {field("a", "Colour", ""), "no field type"},
		"length of a date":  {field("a", "Date", "<MaxLength>5</MaxLength>"), "has no length"},
		"too long":          {field("a", "Text", "<MaxLength>4001</MaxLength>"), "length of 1 to 4000"},
		"bad default":       {field("a", "Number", "<DefaultValue>x</DefaultValue>"), "default value"},
		"system name":       {field("_a", "Text", ""), "begins with _"},
		"key too wide":      {field("a", "Text", "<MaxLength>901</MaxLength><IsPrimaryKey>true</IsPrimaryKey>"), "more than 900"},
		"twice":             {field("a", "Text", "") + field("A", "Text", ""), "there twice"},
		"sendable by what":  {field("a", "Text", "") + "<IsSendable>true</IsSendable>", "SendableDataExtensionField"},
		"unknown template":  {field("a", "Text", "") + "<Template><CustomerKey>x</CustomerKey></Template>", "no data extension template"},
		"scale of a number": {field("a", "Number", "<Scale>2</Scale>"), "scale"},
		"length in words":   {field("a", "Text", "<MaxLength>ten</MaxLength>"), "is not a number"},
	} {
		text := call(t, server, "Create", message("Create", "", `<Objects xsi:type="DataExtension"><CustomerKey>x</CustomerKey><Name>x</Name>`+c[0]+`</Objects>`))
		if !strings.Contains(text, c[1]) || !strings.Contains(text, "<OverallStatus>Error<") {
			t.Errorf("%s: %s", name, text)
		}
	}
	text := call(t, server, "Create", message("Create", "", `<Objects xsi:type="DataExtension"><CustomerKey>sends</CustomerKey><Name>Sends</Name>`+field("First", "Text", "")+`<Template><CustomerKey>TriggeredSendDataExtension</CustomerKey></Template></Objects>`))
	if !strings.Contains(text, "<OverallStatus>OK<") {
		t.Error(text)
	}
	if names, _ := retrieve(t, server, "good", "DataExtensionField", "Name", filter("DataExtension.CustomerKey", "equals", "sends")); len(names) != 3 {
		t.Errorf("the template's fields: %v", names)
	}
}
