#include "runtime/cli/ctl/certificates.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "runtime/mqtt/topics.h"

namespace linnet::cli::ctl {
namespace {

constexpr const char* kProgram = "openssl";
constexpr const char* kCurve = "ec_paramgen_curve:P-256";

// Runs openssl with these arguments (no shell), silent but for its errors, which go to `errors`.
Result<void> run_openssl(const std::vector<std::string>& arguments, const std::string& errors) {
  std::vector<char*> words{const_cast<char*>(kProgram)};
  for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions{};
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  pid_t process = 0;
  const int failed = posix_spawnp(&process, kProgram, &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  while (failed == 0 && waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  // A system may tell of a program that is not there only by the child's exit status 127 (posix_spawn(3p)).
  if (failed != 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 127)) {
    return fail(ErrorKind::kUsage, "the program openssl is needed to make keys: install the package openssl");
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  std::string line;
  std::getline(std::ifstream(errors) >> std::ws, line);
  return fail(ErrorKind::kIo, "openssl " + arguments.front() + " failed: " + line);
}

bool is_address(const std::string& name) {
  return name.find_first_not_of("0123456789.") == std::string::npos || name.find(':') != std::string::npos;
}

// Names come into a configuration of openssl's: what could end a line or an entry there is refused.
bool is_host(const std::string& name) {
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '.' && c != '-' && c != ':' && c != '*') return false;
  }
  return !name.empty();
}

}  // namespace

Result<CertificateFolder> CertificateFolder::open(const std::string& path, std::uint32_t days) {
  std::error_code error;
  const bool created = std::filesystem::create_directories(path, error);
  if (error) return fail(ErrorKind::kIo, path + ": " + error.message());
  // Private keys lie here.
  if (created && chmod(path.c_str(), 0700) != 0) return fail(ErrorKind::kDenied, path + ": cannot be made private");
  return CertificateFolder(path, days);
}

Result<void> CertificateFolder::make_key(const std::string& name) {
  const mode_t before = umask(0077);
  auto made =
      run_openssl({"genpkey", "-algorithm", "EC", "-pkeyopt", kCurve, "-out", file(name + ".key")}, file(".errors"));
  umask(before);
  return made;
}

Result<bool> CertificateFolder::make_authority() {
  if (std::filesystem::exists(file("ca.key")) && std::filesystem::exists(file("ca.crt"))) return false;
  LINNET_CHECK(make_key("ca"));
  LINNET_CHECK(
      run_openssl({"req", "-x509", "-new", "-key", file("ca.key"), "-subj", "/CN=Linnet test authority", "-days",
                   std::to_string(days_), "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", file("ca.crt")},
                  file(".errors")));
  std::filesystem::remove(file(".errors"));
  return true;
}

Result<void> CertificateFolder::sign(const std::string& name, const std::string& extensions) {
  std::ofstream(file(".extensions")) << "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                                     << extensions;
  const std::string request = file("." + name + ".csr");
  LINNET_CHECK(make_key(name));
  LINNET_CHECK(run_openssl({"req", "-new", "-key", file(name + ".key"), "-subj", "/CN=" + name, "-out", request},
                           file(".errors")));
  auto made =
      run_openssl({"x509", "-req", "-in", request, "-CA", file("ca.crt"), "-CAkey", file("ca.key"), "-CAcreateserial",
                   "-days", std::to_string(days_), "-extfile", file(".extensions"), "-out", file(name + ".crt")},
                  file(".errors"));
  for (const std::string& left : {request, file(".extensions"), file(".errors")}) std::filesystem::remove(left);
  return made;
}

Result<void> CertificateFolder::make_broker(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) {
    if (!is_host(name))
      return fail(ErrorKind::kUsage, "a broker's name may hold letters, digits, '.', '-' and ':' alone");
    list += (list.empty() ? "" : ",") + std::string(is_address(name) ? "IP:" : "DNS:") + name;
  }
  return sign("broker", "extendedKeyUsage=serverAuth\nsubjectAltName=" + list + "\n");
}

Result<void> CertificateFolder::make_client(const std::string& name) {
  if (!mqtt::is_topic_id(name) || name == mqtt::kPoolNode || name == "ca" || name == "broker") {
    return fail(
        ErrorKind::kUsage,
        "'" + name +
            "' cannot be a node's or client's name: 1 to 63 of a-z, 0-9, '_' and '-', and not pool, ca or broker");
  }
  if (std::filesystem::exists(file(name + ".key"))) {
    return fail(ErrorKind::kBusy, file(name + ".key") + " is there already: remove it to make a new one");
  }
  return sign(name, "extendedKeyUsage=clientAuth\n");
}

}  // namespace linnet::cli::ctl
