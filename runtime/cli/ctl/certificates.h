// Test certificates: an authority of one's own, a broker's certificate, one a node or client.
//
// The openssl program makes them. The product does not link OpenSSL itself (libmosquitto does), and making keys is done
// once, on somebody's desk: a library more on every device would be the price of a command that never runs there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/result.h"

namespace linnet::cli::ctl {

class CertificateFolder {
 public:
  // Makes the folder (mode 0700) where it is absent. Errors: kUsage (no openssl program, later), kDenied, kIo.
  [[nodiscard]] static Result<CertificateFolder> open(const std::string& path, std::uint32_t days);

  // Makes ca.crt and ca.key, or keeps those that are there. True where they are new.
  [[nodiscard]] Result<bool> make_authority();
  // broker.crt and broker.key, valid for these names and addresses.
  [[nodiscard]] Result<void> make_broker(const std::vector<std::string>& names);
  // NAME.crt and NAME.key: a client's, whose common name the broker takes as user name. Errors: kUsage (no name for
  // topics, or one that is reserved), kBusy (there is one already).
  [[nodiscard]] Result<void> make_client(const std::string& name);

 private:
  CertificateFolder(std::string path, std::uint32_t days) : path_(std::move(path)), days_(days) {}
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
  Result<void> make_key(const std::string& name);
  Result<void> sign(const std::string& name, const std::string& extensions);

  std::string path_;
  std::uint32_t days_;
};

}  // namespace linnet::cli::ctl
