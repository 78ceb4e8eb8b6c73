// `linnet ctl keys`: certificates to try TLS with.
#include "runtime/cli/ctl/actions.h"
#include "runtime/cli/ctl/certificates.h"
#include "runtime/cli/json_writer.h"

namespace linnet::cli::ctl {

Result<void> perform(const KeysAction& action, const CtlOptions& options, Console& console) {
  LINNET_TRY(CertificateFolder folder, CertificateFolder::open(action.folder, action.days));
  LINNET_TRY(const bool fresh, folder.make_authority());
  // A broker's certificate of an earlier authority would be refused by everybody.
  if (fresh || !action.names.empty()) LINNET_CHECK(folder.make_broker(action.brokers));
  for (const std::string& name : action.names) LINNET_CHECK(folder.make_client(name));
  if (options.json) {
    JsonWriter json;
    json.begin_object().member("folder", action.folder).member("new_authority", fresh).key("names").begin_array();
    for (const std::string& name : action.names) json.value(name);
    return console.print(json.end_array().end_object().line());
  }
  std::string text = action.folder + ": ca.crt, broker.crt";
  for (const std::string& name : action.names) text += ", " + name + ".crt";
  return console.print(text + " and their keys\n");
}

}  // namespace linnet::cli::ctl
