package soapapi

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/web"
)

// The WSDL describes what this API answers: its operations, and its objects with the members that it reads or writes.
// Clients that build themselves from a WSDL load it and the schema of faults that it imports (engagement-wire 1, clients
// 3.8); both name this server, where the real ones name the vendor's.

// Paths of the two documents.
const (
	wsdlPath  = "/etframework.wsdl"
	faultPath = "/ETFrameworkFault.xsd"
)

// wsdlTypes are the complex types, one a line: name, "<" its base where it has one, and its members in order, each name:type
// and * where it may come more than once. All may be left out. xsd types are in lower case but for dateTime.
const wsdlTypes = `
ClientID ClientID:int ID:int PartnerClientKey:string UserID:int PartnerUserKey:string CreatedBy:int ModifiedBy:int EnterpriseID:long CustomerKey:string CustomerID:string
APIProperty Name:string Value:string
Owner Client:ClientID FromName:string FromAddress:string
APIObject Client:ClientID PartnerKey:string PartnerProperties:APIProperty* CreatedDate:dateTime ModifiedDate:dateTime ID:int ObjectID:string CustomerKey:string Owner:Owner CorrelationID:string ObjectState:string IsPlatformObject:boolean
Options Client:ClientID SendResponseTo:AsyncResponse* SaveOptions:SaveOptions Priority:unsignedByte ConversationID:string SequenceCode:int CallsInConversation:int ScheduledTime:dateTime RequestType:string QueuePriority:string
AsyncResponse ResponseType:string ResponseAddress:string RespondWhen:string IncludeResults:boolean IncludeObjects:boolean OnlyIncludeBase:boolean
SaveOptions SaveOption:SaveOption*
SaveOption PropertyName:string SaveAction:string TrackChanges:boolean
CreateOptions < Options Container:APIObject
UpdateOptions < Options Container:APIObject Action:string
DeleteOptions < Options
PerformOptions < Options Explanation:string
ConfigureOptions < Options
SystemStatusOptions < Options
RetrieveOptions < Options BatchSize:int IncludeObjects:boolean OnlyIncludeBase:boolean
Result StatusCode:string StatusMessage:string OrdinalID:int ErrorCode:int RequestID:string ConversationID:string OverallStatusCode:string RequestType:string ResultType:string ResultDetailXML:string
CreateResult < Result NewID:int NewObjectID:string PartnerKey:string Object:APIObject CreateResults:CreateResult* ParentPropertyName:string
UpdateResult < Result Object:APIObject UpdateResults:UpdateResult* ParentPropertyName:string
DeleteResult < Result Object:APIObject
PerformResult < Result Object:APIObject Task:TaskResult
TaskResult StatusCode:string StatusMessage:string OrdinalID:int ErrorCode:int ID:string InteractionObjectID:string
ConfigureResult < Result Object:APIObject
SystemStatusResult < Result SystemStatus:string
TriggeredSendCreateResult < CreateResult SubscriberFailures:SubscriberResult*
SubscriberResult Subscriber:Subscriber ErrorCode:string ErrorDescription:string Ordinal:int
DataExtensionError Name:string ErrorCode:int ErrorMessage:string
KeyErrors KeyError:DataExtensionError*
ValueErrors ValueError:DataExtensionError*
DataExtensionCreateResult < CreateResult ErrorMessage:string KeyErrors:KeyErrors ValueErrors:ValueErrors
DataExtensionUpdateResult < UpdateResult ErrorMessage:string KeyErrors:KeyErrors ValueErrors:ValueErrors
DataExtensionDeleteResult < DeleteResult ErrorMessage:string KeyErrors:KeyErrors
FilterPart
SimpleFilterPart < FilterPart Property:string SimpleOperator:string Value:string* DateValue:dateTime*
LogicalOperand Operand:FilterPart*
ComplexFilterPart < FilterPart LeftOperand:FilterPart LogicalOperator:string RightOperand:FilterPart AdditionalOperands:LogicalOperand
RetrieveRequest ClientIDs:ClientID* ObjectType:string Properties:string* Filter:FilterPart RespondTo:AsyncResponse* PartnerProperties:APIProperty* ContinueRequest:string QueryAllAccounts:boolean RetrieveAllSinceLastBatch:boolean RepeatLastResult:boolean Options:RetrieveOptions
ObjectDefinitionRequest Client:ClientID ObjectType:string
DescribeRequests ObjectDefinitionRequest:ObjectDefinitionRequest*
PropertyDefinition < APIObject Name:string DataType:string IsUpdatable:boolean IsRetrievable:boolean MaxLength:int
ObjectDefinition < APIObject ObjectType:string Name:string Properties:PropertyDefinition*
VersionInfoResponse Version:string VersionDate:dateTime Notes:string VersionHistory:VersionInfoResponse*
Definitions Definition:APIObject*
PerformResults Result:PerformResult*
Configurations Configuration:APIObject*
ConfigureResults Result:ConfigureResult*
SystemStatusResults Result:SystemStatusResult*
Attribute Name:string Value:string
Account < APIObject AccountType:string ParentID:int BrandID:int PrivateLabelID:int ReportingParentID:int Name:string Email:string FromName:string BusinessName:string Phone:string Address:string Fax:string City:string State:string Zip:string Country:string IsActive:boolean IsTestAccount:boolean OrgID:int DBID:int ParentName:string CustomerID:string DeletedDate:dateTime EditionID:int Subscription:Subscription InheritAddress:boolean IsTrialAccount:boolean
Subscription SubscriptionID:int
BusinessUnit < Account Description:string MasterUnsubscribeBehavior:string
UserAccess < APIObject Name:string Value:string Description:string Delete:int
Locale < APIObject LocaleCode:string
TimeZone < APIObject Name:string
AssignmentConfiguration < APIObject AccountUserId:int AssignmentConfigureType:string IsDelete:boolean
AssignmentConfigurations AssignmentConfiguration:AssignmentConfiguration*
Permission < APIObject Name:string Description:string ObjectType:string Operation:string IsShareable:boolean IsAllowed:boolean IsDenied:boolean
Permissions Permission:Permission*
PermissionSet < APIObject Name:string Description:string IsAllowed:boolean IsDenied:boolean Permissions:Permissions
PermissionSets PermissionSet:PermissionSet*
Role < APIObject Name:string Description:string IsPrivate:boolean IsSystemDefined:boolean ForceInheritance:boolean PermissionSets:PermissionSets AssignmentConfigurations:AssignmentConfigurations
Roles Role:Role*
BusinessUnitIds BusinessUnitId:int*
BusinessUnitAssignmentConfiguration < APIObject BusinessUnitIds:BusinessUnitIds IsDelete:boolean
AccountUser < APIObject AccountUserID:int UserID:string Password:string Name:string Email:string MustChangePassword:boolean ActiveFlag:boolean ChallengePhrase:string ChallengeAnswer:string UserPermissions:UserAccess* Delete:int LastSuccessfulLogin:dateTime IsAPIUser:boolean NotificationEmailAddress:string IsLocked:boolean Unlock:boolean BusinessUnit:int DefaultBusinessUnit:int DefaultBusinessUnitObject:BusinessUnit Locale:Locale TimeZone:TimeZone Roles:Roles BusinessUnitAssignmentConfiguration:BusinessUnitAssignmentConfiguration SalesforceUsername:string
AccountUserAccount < APIObject AccountUser:AccountUser Account:Account
DataFolder < APIObject ParentFolder:DataFolder Name:string Description:string ContentType:string IsActive:boolean IsEditable:boolean AllowChildren:boolean
List < APIObject ListName:string Category:int Type:string Description:string Subscribers:Subscriber* ListClassification:string AutomatedEmail:Email
SubscriberList < APIObject Status:string List:List Action:string
ListSubscriber < APIObject Status:string ListID:int SubscriberKey:string UnsubscribedDate:dateTime
Subscriber < APIObject EmailAddress:string Attributes:Attribute* SubscriberKey:string UnsubscribedDate:dateTime Status:string PartnerType:string EmailTypePreference:string Lists:SubscriberList*
Email < APIObject Name:string Folder:string CategoryID:int HTMLBody:string TextBody:string Subject:string IsActive:boolean IsHTMLPaste:boolean ClonedFromID:int Status:string EmailType:string CharacterSet:string HasDynamicSubjectLine:boolean ContentCheckStatus:string PreHeader:string ContentAreas:string
ContentArea < APIObject Name:string
PrivateDomain < APIObject Name:string
PrivateIP < APIObject Name:string
DeliveryProfile < APIObject Name:string Description:string PrivateDomain:PrivateDomain PrivateIP:PrivateIP
ReplyMailManagementRuleSet < APIObject Name:string
SenderProfile < APIObject Name:string Description:string FromName:string FromAddress:string UseDefaultRMMRules:boolean AutoForwardToEmailAddress:string AutoForwardToName:string DirectForward:boolean AutoForwardTriggeredSend:TriggeredSendDefinition AutoReply:boolean AutoReplyTriggeredSend:TriggeredSendDefinition SenderHeaderEmailAddress:string SenderHeaderName:string DataRetentionPeriodLength:short DataRetentionPeriodUnitOfMeasure:string ReplyManagementRuleSet:ReplyMailManagementRuleSet RMMRuleCollection:ReplyMailManagementRuleSet FallbackFromAddress:string
SendClassification < APIObject SendClassificationType:string Name:string Description:string SenderProfile:SenderProfile DeliveryProfile:DeliveryProfile ArchiveEmail:boolean
TriggeredSendDefinition < APIObject Name:string Description:string SendClassification:SendClassification SenderProfile:SenderProfile FromName:string FromAddress:string DeliveryProfile:DeliveryProfile TriggeredSendType:string TriggeredSendStatus:string Email:Email List:List AutoAddSubscribers:boolean AutoUpdateSubscribers:boolean BatchInterval:int BccEmail:string CCEmail:string EmailSubject:string DynamicEmailSubject:string IsMultipart:boolean IsWrapped:boolean AllowedSlots:short NewSlotTrigger:int SendLimit:int SendWindowOpen:string SendWindowClose:string SuppressTracking:boolean Keyword:string Priority:string TestEmailAddr:string CategoryID:int FooterContentArea:ContentArea HeaderContentArea:ContentArea PrivateDomain:PrivateDomain PrivateIP:PrivateIP
TriggeredSend < APIObject TriggeredSendDefinition:TriggeredSendDefinition Subscribers:Subscriber* Attributes:Attribute*
SendDefinitionList < APIObject FilterDefinition:APIObject IsTestObject:boolean SalesForceObjectID:string Name:string List:List SendDefinitionListType:string CustomObjectID:string DataSourceTypeID:string
EmailSendDefinition < APIObject Name:string Description:string CategoryID:int SendClassification:SendClassification SenderProfile:SenderProfile DeliveryProfile:DeliveryProfile SuppressTracking:boolean IsSendLogging:boolean SendDefinitionList:SendDefinitionList* Email:Email BccEmail:string AutoBccEmail:string TestEmailAddr:string EmailSubject:string DynamicEmailSubject:string IsMultipart:boolean IsWrapped:boolean SendLimit:int SendWindowOpen:string SendWindowClose:string DeduplicateByEmail:boolean ExclusionFilter:string Additional:string CCEmail:string
Send < APIObject Email:Email List:List* SendDate:dateTime FromAddress:string FromName:string Duplicates:int InvalidAddresses:int ExistingUndeliverables:int ExistingUnsubscribes:int HardBounces:int SoftBounces:int OtherBounces:int ForwardedEmails:int UniqueClicks:int UniqueOpens:int NumberSent:int NumberDelivered:int NumberTargeted:int NumberErrored:int NumberExcluded:int Unsubscribes:int MissingAddresses:int Subject:string PreviewURL:string SentDate:dateTime EmailName:string Status:string IsMultipart:boolean SendLimit:int SendWindowOpen:string SendWindowClose:string IsAlwaysOn:boolean Additional:string BccEmail:string EmailSendDefinition:EmailSendDefinition
ResultItem < APIObject RequestID:string ConversationID:string StatusCode:string StatusMessage:string OrdinalID:int ErrorCode:int RequestType:string RequestObjectType:string
DataExtensionField < APIObject Name:string DefaultValue:string MaxLength:int IsRequired:boolean Ordinal:int IsPrimaryKey:boolean FieldType:string Scale:int DataExtension:DataExtension
Fields Field:DataExtensionField*
DataExtensionTemplate < APIObject Name:string Description:string IsSendable:boolean IsTestable:boolean SendableCustomObjectField:string SendableSubscriberField:string DataRetentionPeriodLength:int DataRetentionPeriodUnitOfMeasure:string RowBasedRetention:boolean ResetRetentionPeriodOnImport:boolean DeleteAtEndOfRetentionPeriod:boolean RetainUntil:string
DataExtension < APIObject Name:string Description:string IsSendable:boolean IsTestable:boolean SendableDataExtensionField:DataExtensionField SendableSubscriberField:Attribute Template:DataExtensionTemplate DataRetentionPeriodLength:int DataRetentionPeriodUnitOfMeasure:string RowBasedRetention:boolean ResetRetentionPeriodOnImport:boolean DeleteAtEndOfRetentionPeriod:boolean RetainUntil:string Fields:Fields CategoryID:long Status:string
Properties Property:APIProperty*
Keys Key:APIProperty*
ObjectExtension < APIObject Type:string Properties:Properties
DataExtensionObject < ObjectExtension Name:string Keys:Keys
TrackingEvent < APIObject SendID:int SubscriberKey:string EventDate:dateTime EventType:string TriggeredSendDefinitionObjectID:string BatchID:int
`

// wsdlOperations are the operations, one a line: its name, then the members of its request element and, after "=>", of the
// answer's, as in wsdlTypes.
const wsdlOperations = `
Create CreateRequest Options:CreateOptions Objects:APIObject* => CreateResponse Results:CreateResult* RequestID:string OverallStatus:string
Retrieve RetrieveRequestMsg RetrieveRequest:RetrieveRequest => RetrieveResponseMsg OverallStatus:string RequestID:string Results:APIObject*
Update UpdateRequest Options:UpdateOptions Objects:APIObject* => UpdateResponse Results:UpdateResult* RequestID:string OverallStatus:string
Delete DeleteRequest Options:DeleteOptions Objects:APIObject* => DeleteResponse Results:DeleteResult* RequestID:string OverallStatus:string
Describe DefinitionRequestMsg DescribeRequests:DescribeRequests => DefinitionResponseMsg ObjectDefinition:ObjectDefinition* RequestID:string
Perform PerformRequestMsg Options:PerformOptions Action:string Definitions:Definitions => PerformResponseMsg Results:PerformResults OverallStatus:string OverallStatusMessage:string RequestID:string
Configure ConfigureRequestMsg Options:ConfigureOptions Action:string Configurations:Configurations => ConfigureResponseMsg Results:ConfigureResults OverallStatus:string OverallStatusMessage:string RequestID:string
VersionInfo VersionInfoRequestMsg IncludeVersionHistory:boolean => VersionInfoResponseMsg VersionInfo:VersionInfoResponse RequestID:string
GetSystemStatus SystemStatusRequestMsg Options:SystemStatusOptions => SystemStatusResponseMsg Results:SystemStatusResults OverallStatus:string OverallStatusMessage:string RequestID:string
`

// wsdlChanged is when the two documents last changed: clients fetch them again when it does.
var wsdlChanged = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// members writes a sequence.
func members(b *strings.Builder, list []string) {
	b.WriteString("<xsd:sequence>")
	for _, m := range list {
		name, kind, _ := strings.Cut(m, ":")
		most := ""
		if strings.HasSuffix(kind, "*") {
			kind, most = strings.TrimSuffix(kind, "*"), ` maxOccurs="unbounded"`
		}
		prefix := "tns:"
		if kind[0] >= 'a' && kind[0] <= 'z' {
			prefix = "xsd:"
		}
		b.WriteString(`<xsd:element name="` + name + `" type="` + prefix + kind + `" minOccurs="0"` + most + ` nillable="true"/>`)
	}
	b.WriteString("</xsd:sequence>")
}

// wsdl writes the WSDL for a server at the URL.
func wsdl(base string) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" ` +
		`xmlns:tns="` + Namespace + `" xmlns:fault="` + nsFault + `" targetNamespace="` + Namespace + `"><wsdl:types>` + "\n" +
		`<xsd:schema elementFormDefault="qualified" targetNamespace="` + Namespace + `"><xsd:import namespace="` + nsFault + `" schemaLocation="` + base + faultPath + `"/>` + "\n")
	for line := range strings.Lines(strings.TrimSpace(wsdlTypes)) {
		words := strings.Fields(line)
		b.WriteString(`<xsd:complexType name="` + words[0] + `">`)
		if len(words) > 2 && words[1] == "<" {
			b.WriteString(`<xsd:complexContent><xsd:extension base="tns:` + words[2] + `">`)
			members(&b, words[3:])
			b.WriteString("</xsd:extension></xsd:complexContent>")
		} else {
			members(&b, words[1:])
		}
		b.WriteString("</xsd:complexType>\n")
	}
	var messages, port, binding strings.Builder
	for line := range strings.Lines(strings.TrimSpace(wsdlOperations)) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		in, out, _ := strings.Cut(rest, " => ")
		for i, part := range []string{in, out} {
			words := strings.Fields(part)
			b.WriteString(`<xsd:element name="` + words[0] + `"><xsd:complexType>`)
			members(&b, words[1:])
			b.WriteString("</xsd:complexType></xsd:element>\n")
			messages.WriteString(`<wsdl:message name="` + name + []string{"Request", "Response"}[i] + `Msg"><wsdl:part name="parameters" element="tns:` + words[0] + `"/></wsdl:message>` + "\n")
		}
		port.WriteString(`<wsdl:operation name="` + name + `"><wsdl:input message="tns:` + name + `RequestMsg"/><wsdl:output message="tns:` + name + `ResponseMsg"/></wsdl:operation>` + "\n")
		binding.WriteString(`<wsdl:operation name="` + name + `"><soap:operation soapAction="` + name + `" style="document"/><wsdl:input><soap:body use="literal"/></wsdl:input><wsdl:output><soap:body use="literal"/></wsdl:output></wsdl:operation>` + "\n")
	}
	b.WriteString("</xsd:schema></wsdl:types>\n" + messages.String() + `<wsdl:portType name="Soap">` + "\n" + port.String() + "</wsdl:portType>\n" +
		`<wsdl:binding name="SoapBinding" type="tns:Soap"><soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>` + "\n" + binding.String() + "</wsdl:binding>\n" +
		`<wsdl:service name="PartnerAPI"><wsdl:port name="Soap" binding="tns:SoapBinding"><soap:address location="` + base + Path + `"/></wsdl:port></wsdl:service></wsdl:definitions>` + "\n")
	return b.String()
}

// faultSchema is the schema of the detail of faults.
const faultSchema = `<?xml version="1.0" encoding="UTF-8"?>
<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:tns="` + nsFault + `" targetNamespace="` + nsFault + `" elementFormDefault="qualified">
<xsd:complexType name="APIFault"><xsd:sequence><xsd:element name="Code" type="xsd:int"/><xsd:element name="Message" type="xsd:string"/></xsd:sequence></xsd:complexType>
<xsd:element name="apifault" type="tns:APIFault"/>
</xsd:schema>
`

// document answers GET and HEAD with a document; clients ask for its age before they load it anew.
func document(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/xml; charset=utf-8")
		h.Set("Last-Modified", wsdlChanged.Format(http.TimeFormat))
		h.Set("Content-Length", strconv.Itoa(len(text)))
		if r.Method == http.MethodHead {
			return
		}
		_, _ = w.Write([]byte(text)) // whoever has gone needs no answer
	}
}

// mountDocuments registers the WSDL and the schema that it imports. They need no token.
func (s *Server) mountDocuments(mux *web.Mux) {
	for path, text := range map[string]string{wsdlPath: wsdl(s.o.BaseURL), faultPath: faultSchema} {
		mux.HandleFunc("GET "+path, document(text)) // and HEAD
	}
}
