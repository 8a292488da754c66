package broker_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// Every request of the JetStream API, as a template of stream, consumer and
// filter, with a body that would do harm if it were obeyed.
var engineRequests = map[string]string{
	server.JSApiAccountInfo:              ``,
	server.JSApiStreamCreateT:            `{"name":"STOLEN","sources":[{"name":%[1]q}],"storage":"memory"}`,
	server.JSApiStreamUpdateT:            `{"name":%[1]q,"subjects":["cti.>"],"deny_purge":false,"max_msgs":1}`,
	server.JSApiStreams:                  ``,
	server.JSApiStreamList:               ``,
	server.JSApiStreamInfoT:              `{"subjects_filter":">","deleted_details":true}`,
	server.JSApiStreamDeleteT:            ``,
	server.JSApiStreamPurgeT:             `{}`,
	server.JSApiStreamSnapshotT:          `{"deliver_subject":"_INBOX.snapshot","no_consumers":false}`,
	server.JSApiStreamRestoreT:           `{"config":{"name":%[1]q},"state":{}}`,
	server.JSApiMsgDeleteT:               `{"seq":1}`,
	server.JSApiMsgGetT:                  `{"seq":1}`,
	server.JSDirectMsgGetT:               `{"seq":1}`,
	"$JS.API.DIRECT.GET":                 ``,
	server.JSDirectGetLastBySubjectT:     ``,
	server.JSApiConsumerCreateT:          `{"stream_name":%[1]q,"config":{"deliver_policy":"all","ack_policy":"none","mem_storage":true}}`,
	server.JSApiConsumerCreateExT:        `{"stream_name":%[1]q,"config":{"name":%[2]q,"deliver_policy":"all","ack_policy":"none","filter_subject":"cti.>"}}`,
	"$JS.API.CONSUMER.CREATE.%s.%s":      `{"stream_name":%[1]q,"config":{"durable_name":%[2]q,"deliver_policy":"all","ack_policy":"explicit"},"action":"update"}`,
	server.JSApiDurableCreateT:           `{"stream_name":%[1]q,"config":{"durable_name":%[2]q,"deliver_policy":"all","deliver_subject":"_INBOX.push","ack_policy":"none"}}`,
	server.JSApiConsumersT:               ``,
	server.JSApiConsumerListT:            ``,
	server.JSApiConsumerInfoT:            ``,
	server.JSApiConsumerDeleteT:          ``,
	server.JSApiConsumerPauseT:           `{"pause_until":"2099-01-01T00:00:00Z"}`,
	server.JSApiRequestNextT:             `{"batch":100,"no_wait":true}`,
	server.JSApiConsumerResetT:           `{"seq":1}`,
	server.JSApiConsumerUnpinT:           `{"group":"g"}`,
	server.JSApiStreamRemovePeerT:        `{"peer":"selat"}`,
	server.JSApiStreamEvacuatePeerT:      `{"peer":"selat"}`,
	server.JSApiStreamCancelMoveT:        ``,
	server.JSApiStreamLeaderStepDownT:    ``,
	server.JSApiConsumerLeaderStepDownT:  ``,
	server.JSApiConsumerRemovePeerT:      `{"peer":"selat"}`,
	server.JSApiConsumerEvacuatePeerT:    `{"peer":"selat"}`,
	server.JSApiLeaderStepDown:           ``,
	server.JSApiRemoveServer:             `{"peer":"selat"}`,
	server.JSApiEvacuateServer:           `{"peer":"selat"}`,
	server.JSApiMetaRescue:               `{}`,
	server.JSApiAccountPurgeT:            ``,
	server.JSApiServerStreamMoveT:        `{"server":"selat"}`,
	server.JSApiServerStreamCancelMoveT:  ``,
	"$JS.FC.%s.%s.1":                     ``,
	"$JS.EVENT.ADVISORY.API":             `{}`,
	"$JS.EVENT.METRIC.CONSUMER.ACK.%s.a": `{"stream":%[1]q,"stream_seq":1,"deliveries":1,"ack_time":-9000000000000}`,
}

// fill puts stream, consumer and filter into a template that has room for any
// number of them.
func fill(template string, args ...any) string {
	if strings.Contains(template, "%[") {
		return strings.SplitN(fmt.Sprintf(template, args...), "%!(EXTRA", 2)[0]
	}
	n := strings.Count(template, "%s")
	return fmt.Sprintf(template, args[:n]...)
}

func TestTheAttackKnowsEveryRequestOfTheEngine(t *testing.T) {
	file, _ := runtime.FuncForPC(reflect.ValueOf(server.NewServer).Pointer()).FileLine(reflect.ValueOf(server.NewServer).Pointer())
	source, err := os.ReadFile(filepath.Join(filepath.Dir(file), "jetstream_api.go"))
	if err != nil {
		t.Skip("the engine's source is not on this machine: ", err)
	}
	known := map[string]bool{}
	for template := range engineRequests {
		known[template] = true
	}
	for _, m := range regexp.MustCompile(`=\s*"(\$JS\.API\.[^"*>]+[^".*>])"`).FindAllSubmatch(source, -1) {
		if !known[string(m[1])] {
			t.Errorf("the engine answers to %s, which the attack does not try", m[1])
		}
	}
}

// systemRequests are what the engine's own account answers to. The accounts
// and the server are put in.
func systemRequests(serverID string, accounts ...string) []string {
	out := []string{
		"$SYS.REQ.CLAIMS.UPDATE", "$SYS.REQ.CLAIMS.DELETE", "$SYS.REQ.CLAIMS.LIST", "$SYS.REQ.CLAIMS.PACK",
		"$SYS.REQ.USER.INFO", "$SYS.REQ.SERVER.PING", "$SYS.REQ.ACCOUNT.NSUBS", "$SYS.DEBUG.SUBSCRIBERS",
		"$SYS.LATENCY.M2.x", "$SYS.SERVER." + serverID + ".SHUTDOWN", "$SYS.SERVER." + serverID + ".LAMEDUCK",
	}
	for _, v := range []string{"IDZ", "STATSZ", "VARZ", "SUBSZ", "CONNZ", "ROUTEZ", "GATEWAYZ", "LEAFZ", "ACCOUNTZ", "JSZ", "HEALTHZ", "PROFILEZ", "EXPVARZ", "IPQUEUESZ", "RAFTZ"} {
		out = append(out, "$SYS.REQ.SERVER.PING."+v, "$SYS.REQ.SERVER."+serverID+"."+v, "$SYS.REQ.ACCOUNT.PING."+v)
		for _, a := range accounts {
			out = append(out, "$SYS.REQ.ACCOUNT."+a+"."+v)
		}
	}
	for _, v := range []string{"RELOAD", "KICK", "LDM", "STATZ"} {
		out = append(out, "$SYS.REQ.SERVER."+serverID+"."+v, "$SYS.REQ.SERVER.PING."+v)
	}
	for _, a := range accounts {
		out = append(out, "$SYS.REQ.ACCOUNT."+a+".CLAIMS.LOOKUP", "$SYS.REQ.ACCOUNT."+a+".CLAIMS.UPDATE", "$SYS.ACCOUNT."+a+".CLAIMS.UPDATE",
			"$SYS.ACCOUNT."+a+".CONNECT", "$SYS.ACCOUNT."+a+".DISCONNECT", "$SYS.REQ.ACCOUNT."+a+".INFO", "$SYS.REQ.ACCOUNT."+a+".STATZ", "$SYS.REQ.USER."+a+".INFO")
	}
	return out
}
